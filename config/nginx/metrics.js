// Counts requests in shared memory when they are logged, and renders the counts for Prometheus: in its text format or, for
// those who accept it, in OpenMetrics', where a bucket names a request that the traces have (an exemplar).
import canary from './canary.js';
import trace from './trace.js';

// Seconds, written as Prometheus 3 stores them. The objective for latency is one of them (config/prometheus/rules.yml).
const BOUNDS = ['0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '10.0', '30.0', '+Inf'];
// Shown as 0 before the first such response: Prometheus sees no increase in a series that begins at 1.
// The handler's own 504, for clients that stop waiting, is no failure of the server.
const LATE = '504 deadline-exceeded';
const STATUSES = [200, 400, 404, 408, 413, 415, 422, 429, 500, 502, 503, 504, LATE];
const REQUESTS = 'gateway_requests_total';
const SECONDS = 'gateway_request_seconds';
const TEXT = {type: 'text/plain; version=0.0.4; charset=utf-8', openmetrics: false};
const OPENMETRICS = {type: 'application/openmetrics-text; version=1.0.0; charset=utf-8', openmetrics: true};

// For js_set in the log's format: counts the request, and adds nothing to the log.
function count(r) {
    const v = r.variables;
    canary.end(r);
    const asked = labels(v.route, v.model, v.version);
    // A client cannot make up names here: they are served, or one of their requests has succeeded.
    const known = v.canary || v.status < 400 || ngx.shared.metrics.has(`served{${asked}}`)
        || ngx.shared.metrics.has(`${SECONDS}_sum{${asked},outcome="success"}`);
    const target = known ? asked : labels(v.route, '', '');
    const late = Number(v.status) === 504 && v.deadline_exceeded === '1';
    const bucket = add(ngx.shared.metrics, target, late ? LATE : Number(v.status), Number(v.request_time));
    const recorded = trace.recorded(v.upstream_http_traceresponse);
    if (recorded) {
        ngx.shared.exemplars.set(bucket, `# {trace_id="${recorded}"} ${v.request_time} ${v.msec}`);
    }
    return '';
}

function labels(route, model, version) {
    return `route="${route}",model="${model}",version="${version}"`;
}

// Counts a request with these labels, and returns its bucket, which counts only the requests between it and the one below.
function add(counts, target, status, seconds) {
    const timed = `${target},outcome="${status < 400 ? 'success' : 'error'}"`;
    const bound = BOUNDS.find((limit) => limit === '+Inf' || seconds <= Number(limit));
    counts.incr(`${REQUESTS}{${target},status="${status}"}`, 1, 0);
    const bucket = `${SECONDS}_bucket{${timed},le="${bound}"}`;
    counts.incr(bucket, 1, 0);
    counts.incr(`${SECONDS}_sum{${timed}}`, seconds, 0);
    return bucket;
}

// Renders the counts, with zeros for these models, for canaries and for all that has been counted.
function render(counts, models, format) {
    const openmetrics = (format || TEXT).openmetrics;
    const keys = counts.keys(100000).sort();
    const counted = keys.filter((key) => key.startsWith(`${REQUESTS}{`));
    const requests = {};
    counted.map((key) => key.slice(REQUESTS.length + 1, key.lastIndexOf(',status=')))
        .concat([''].concat(models).map((model) => labels('predictions', model, model && 'default')))
        .concat(canary.versions().map((each) => labels('predictions', each.model, each.version)))
        .forEach((target) => STATUSES.forEach((status) => {
            requests[`${REQUESTS}{${target},status="${status}"}`] = 0;
        }));
    counted.forEach((key) => {
        requests[key] = counts.get(key);
    });
    const times = keys.filter((key) => key.startsWith(`${SECONDS}_sum{`))
        .map((key) => histogram(counts, key.slice(key.indexOf('{') + 1, -1), openmetrics));
    const lines = Object.keys(requests).map((key) => `${key} ${requests[key]}\n`);
    const family = openmetrics ? REQUESTS.replace(/_total$/, '') : REQUESTS;
    return [
        `# HELP ${family} Requests by route, model, version and status.\n# TYPE ${family} counter\n`,
        lines.join(''),
        `# HELP ${SECONDS} Seconds from the first byte of a request to the last of its response.\n`,
        `# TYPE ${SECONDS} histogram\n`,
        times.join(''),
    ].join('');
}

function histogram(counts, timed, openmetrics) {
    let total = 0;
    const buckets = BOUNDS.map((bound) => {
        const bucket = `${SECONDS}_bucket{${timed},le="${bound}"}`;
        total += counts.get(bucket) || 0;
        const exemplar = openmetrics && ngx.shared.exemplars.get(bucket);
        return `${bucket} ${total}${exemplar ? ` ${exemplar}` : ''}\n`;
    });
    const sum = counts.get(`${SECONDS}_sum{${timed}}`).toFixed(3);
    return `${buckets.join('')}${SECONDS}_sum{${timed}} ${sum}\n${SECONDS}_count{${timed}} ${total}\n`;
}

function gauge(name, help, samples) {
    return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${samples.map((sample) => `${name}${sample}\n`).join('')}`;
}

// Serves /metrics.
async function show(r) {
    const v = r.variables;
    const served = await r.subrequest('/v1/models');
    const models = served.status === 200 ? JSON.parse(served.responseText).models : [];
    models.forEach((model) => {
        ngx.shared.metrics.set(`served{${labels('predictions', model, 'default')}}`, 1);
    });
    const states = ['active', 'waiting'].map((state) => `{state="${state}"} ${v[`connections_${state}`]}`);
    const format = /application\/openmetrics-text/.test(v.http_accept) ? OPENMETRICS : TEXT;
    r.headersOut['Content-Type'] = format.type;
    r.return(200, [
        render(ngx.shared.metrics, models, format),
        gauge('gateway_connections', 'Client connections.', states),
        gauge('gateway_replicas_expected', 'Model servers that should run (REPLICAS).', [` ${v.replicas}`]),
        format.openmetrics ? '# EOF\n' : '',
    ].join(''));
}

export default {add, count, labels, render, show};
