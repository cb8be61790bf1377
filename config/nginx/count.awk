# Reads the gateway's log as it is written, passes every line on, and writes metrics for Prometheus, because nginx counts
# neither statuses nor times. start.sh sends a line "tick ..." every two seconds.
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
    # {"route":"predictions","status":200,"seconds":0.012,"canary":"resnet-50/2.0",...
    if (split($0, part, /[":,{}]+/) < 9 || part[2] != "route" || part[4] != "status") next
    status = part[5]; seconds = part[7]
    observe("route=\"" part[3] "\"", "")
    if (part[9] != "-") {
        split(part[9], version, "/")
        observe("model=\"" version[1] "\",version=\"" version[2] "\"", "canary")
    }
}

# Counts a request by labels; `kind` is part of the metric's name.
function observe(labels, kind,    i) {
    requests[kind, labels, status]++
    observed[kind, labels]++
    total[kind, labels] += seconds
    for (i = 1; i <= count; i++) if (seconds <= bounds[i] + 0) bucket[kind, labels, i]++
}

function write_counts(name, kind,    key, part) {
    for (key in requests) {
        split(key, part, SUBSEP)
        if (part[1] == kind) printf "%s{%s,status=\"%s\"} %d\n", name, part[2], part[3], requests[key] > draft
    }
}

function write_times(name, kind,    key, part, i) {
    for (key in observed) {
        split(key, part, SUBSEP)
        if (part[1] != kind) continue
        for (i = 1; i <= count; i++)
            printf "%s_bucket{%s,le=\"%s\"} %d\n", name, part[2], bounds[i], bucket[key, i] > draft
        printf "%s_bucket{%s,le=\"+Inf\"} %d\n", name, part[2], observed[key] > draft
        printf "%s_sum{%s} %.3f\n", name, part[2], total[key] > draft
        printf "%s_count{%s} %d\n", name, part[2], observed[key] > draft
    }
}

function write_metrics() {
    draft = file ".draft"
    print "# HELP gateway_requests_total Requests by route and status." > draft
    print "# TYPE gateway_requests_total counter" > draft
    write_counts("gateway_requests_total", "")
    print "# HELP gateway_request_seconds Seconds from the first byte of a request to the last of its response." > draft
    print "# TYPE gateway_request_seconds histogram" > draft
    write_times("gateway_request_seconds", "")
    print "# HELP gateway_canary_requests_total Requests to models with a canary, by version and status." > draft
    print "# TYPE gateway_canary_requests_total counter" > draft
    write_counts("gateway_canary_requests_total", "canary")
    print "# HELP gateway_canary_request_seconds Seconds of requests to models with a canary, by version." > draft
    print "# TYPE gateway_canary_request_seconds histogram" > draft
    write_times("gateway_canary_request_seconds", "canary")
    print "# HELP gateway_connections Client connections." > draft
    print "# TYPE gateway_connections gauge" > draft
    printf "gateway_connections{state=\"active\"} %d\n", active > draft
    printf "gateway_connections{state=\"waiting\"} %d\n", waiting > draft
    print "# HELP gateway_replicas Model servers that accept requests." > draft
    print "# TYPE gateway_replicas gauge" > draft
    printf "gateway_replicas %d\n", replicas > draft
    close(draft)
    system("mv " draft " " file)
}
