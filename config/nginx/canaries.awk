# Turns the requested canaries into nginx configuration, and lists them as JSON in the file `list`. A line holds a model, a
# version and its share in percent, as in "resnet-50:2.0 10". Any other line is dropped, so that it cannot inject
# configuration.
BEGIN {
    word = "[A-Za-z0-9][A-Za-z0-9._-]*"
    print "map $model $canary_version {"
    print "    default \"\";"
}

/^$/ { next }

{
    model = $0
    sub(/:.*/, "", model)
    if ($0 !~ ("^" word ":" word " [1-9][0-9]?$") || model in canary) {
        print "gateway: ignored a canary, which must be a version and a share from 1 to 99: " $0 > "/dev/stderr"
        next
    }
    canary[model] = substr($0, length(model) + 2)
    split(canary[model], part, " ")
    pattern = model
    gsub(/\./, "[.]", pattern) # a regular expression, because nginx compares plain strings without regard to case
    print "    \"~^" pattern "\\z\" $canary_version_" ++count ";"
    splits = splits "split_clients $request_id $canary_version_" count " { " part[2] "% " part[1] "; * -; }\n"
    json = json (count > 1 ? "," : "") "\"" model "\":\"" canary[model] "\""
}

END {
    print "}"
    printf "%s", splits
    print "{" json "}" > list
}
