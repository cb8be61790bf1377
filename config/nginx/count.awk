# Reads the gateway's log as it is written, passes every line on, and writes the metrics that Prometheus scrapes.
# nginx itself counts neither statuses nor times. start.sh sends a line "tick ..." every other second.
BEGIN {
    count = split("0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30", bounds, " ")
}

/^tick / {
    active = $2; waiting = $3; replicas = $4
    write_metrics()
    next
}

{
    print
    # {"route":"predictions","status":200,"seconds":0.012,...
    if (split($0, part, /[":,{}]+/) < 7 || part[2] != "route" || part[4] != "status") next
    route = part[3]; status = part[5]; seconds = part[7]
    requests[route, status]++
    observed[route]++
    total[route] += seconds
    for (i = 1; i <= count; i++) if (seconds <= bounds[i] + 0) bucket[route, i]++
}

function write_metrics(    key, pair, route, i) {
    draft = file ".draft"
    print "# HELP gateway_requests_total Requests by what they asked for and how they were answered." > draft
    print "# TYPE gateway_requests_total counter" > draft
    for (key in requests) {
        split(key, pair, SUBSEP)
        printf "gateway_requests_total{route=\"%s\",status=\"%s\"} %d\n", pair[1], pair[2], requests[key] > draft
    }
    print "# HELP gateway_request_seconds From a request's first byte to its answer's last." > draft
    print "# TYPE gateway_request_seconds histogram" > draft
    for (route in observed) {
        for (i = 1; i <= count; i++)
            printf "gateway_request_seconds_bucket{route=\"%s\",le=\"%s\"} %d\n", route, bounds[i], bucket[route, i] > draft
        printf "gateway_request_seconds_bucket{route=\"%s\",le=\"+Inf\"} %d\n", route, observed[route] > draft
        printf "gateway_request_seconds_sum{route=\"%s\"} %.3f\n", route, total[route] > draft
        printf "gateway_request_seconds_count{route=\"%s\"} %d\n", route, observed[route] > draft
    }
    print "# HELP gateway_connections Connections of clients." > draft
    print "# TYPE gateway_connections gauge" > draft
    printf "gateway_connections{state=\"active\"} %d\n", active > draft
    printf "gateway_connections{state=\"waiting\"} %d\n", waiting > draft
    print "# HELP gateway_replicas Model servers that take requests." > draft
    print "# TYPE gateway_replicas gauge" > draft
    printf "gateway_replicas %d\n", replicas > draft
    close(draft)
    system("mv " draft " " file)
}
