# Turns the canaries that somebody asked for into nginx's configuration, and lists them as JSON in the file `list`. A line
# is a model, a version and its share in percent, as in "resnet-50:2.0 10"; whatever else it may be is left out, because
# it would become configuration.
BEGIN {
    word = "[A-Za-z0-9][A-Za-z0-9._-]*"
    print "map $asked $lot {"
    print "    default \"\";"
}

/^$/ { next }

{
    model = $0
    sub(/:.*/, "", model)
    if ($0 !~ ("^" word ":" word " [1-9][0-9]?$") || model in canary) {
        print "gateway: no canary, because it must be a version and a share from 1 to 99: " $0 > "/dev/stderr"
        next
    }
    canary[model] = substr($0, length(model) + 2)
    split(canary[model], part, " ")
    pattern = model
    gsub(/\./, "[.]", pattern) # and a pattern, because nginx compares plain words without regard to case
    print "    \"~^" pattern "\\z\" $lot_" ++count ";"
    lots = lots "split_clients $request_id $lot_" count " { " part[2] "% " part[1] "; * -; }\n"
    json = json (count > 1 ? "," : "") "\"" model "\":\"" canary[model] "\""
}

END {
    print "}"
    printf "%s", lots
    print "{" json "}" > list
}
