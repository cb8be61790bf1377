"""What is computed from the turns of the three servers."""

from scripts.bench.tracing_cost import LOG, PLAIN, TRACES, costs, table


def test_costs_compare_turns_of_the_same_round() -> None:
    rates = {PLAIN: (100.0, 50.0, 80.0), LOG: (99.0, 49.5, 79.2), TRACES: (98.01, 49.005, 78.408)}
    turns = [
        {"server": server, "clients": 16, "round": index, "images_per_second": rate, "cpu_ms_per_image": 1000 / rate}
        for server, all_rates in rates.items()
        for index, rate in enumerate(all_rates)
    ]
    found = {cost["part"]: cost for cost in costs(turns)}
    assert {part: cost["throughput_percent"] for part, cost in found.items()} == {
        "request_log": 1.0,
        "traces": 1.0,
        "both": 1.99,
    }
    assert found["both"]["cpu_percent_middle_half"] == [2.03, 2.03]
    assert found["traces"]["clients"] == 16


def test_the_table_says_what_was_measured() -> None:
    turn = {"clients": 1, "round": 0, "images_per_second": 10.0, "cpu_ms_per_image": 20.0}
    results = {
        "model": "m",
        "cpus": 2,
        "cpu": "a CPU",
        "serving": {"engine": "onnx", "precision": "float32"},
        "plan": {"rounds": 1, "sampled": 0.1},
        "costs": costs([{"server": server, **turn} for server in (PLAIN, LOG, TRACES)]),
    }
    text = table(results)
    assert "10% of the requests in traces" in text
    assert text.splitlines()[-1].split() == ["both", "1", "0.00", "0.00", "to", "0.00", "0.00", "0.00", "to", "0.00"]
