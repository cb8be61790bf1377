// Counts requests in shared memory when they are logged, and renders the counts for Prometheus.
import canary from './canary.js';

// Seconds, written as Prometheus 3 stores them. The objective for latency is one of them (config/prometheus/rules.yml).
const BOUNDS = ['0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '10.0', '30.0', '+Inf'];
// Shown as 0 before the first such response: Prometheus sees no increase in a series that begins at 1.
// The handler's own 504, for clients that stop waiting, is no failure of the server.
const LATE = '504 deadline-exceeded';
const STATUSES = [200, 400, 404, 413, 415, 422, 429, 500, 502, 503, 504, LATE];
const REQUESTS = 'gateway_requests_total';
const SECONDS = 'gateway_request_seconds';

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
    add(ngx.shared.metrics, target, late ? LATE : Number(v.status), Number(v.request_time));
    return '';
}

function labels(route, model, version) {
    return `route="${route}",model="${model}",version="${version}"`;
}

// Counts a request with these labels; a bucket counts only the requests between it and the one below.
function add(counts, target, status, seconds) {
    const timed = `${target},outcome="${status < 400 ? 'success' : 'error'}"`;
    const bound = BOUNDS.find((limit) => limit === '+Inf' || seconds <= Number(limit));
    counts.incr(`${REQUESTS}{${target},status="${status}"}`, 1, 0);
    counts.incr(`${SECONDS}_bucket{${timed},le="${bound}"}`, 1, 0);
    counts.incr(`${SECONDS}_sum{${timed}}`, seconds, 0);
}

// Renders the counts in Prometheus' text format, with zeros for these models and for all that has been counted.
function render(counts, models) {
    const keys = counts.keys(100000).sort();
    const counted = keys.filter((key) => key.startsWith(`${REQUESTS}{`));
    const requests = {};
    counted.map((key) => key.slice(REQUESTS.length + 1, key.lastIndexOf(',status=')))
        .concat([''].concat(models).map((model) => labels('predictions', model, model && 'default')))
        .forEach((target) => STATUSES.forEach((status) => {
            requests[`${REQUESTS}{${target},status="${status}"}`] = 0;
        }));
    counted.forEach((key) => {
        requests[key] = counts.get(key);
    });
    const times = keys.filter((key) => key.startsWith(`${SECONDS}_sum{`))
        .map((key) => histogram(counts, key.slice(key.indexOf('{') + 1, -1)));
    const lines = Object.keys(requests).map((key) => `${key} ${requests[key]}\n`);
    return [
        `# HELP ${REQUESTS} Requests by route, model, version and status.\n# TYPE ${REQUESTS} counter\n`,
        lines.join(''),
        `# HELP ${SECONDS} Seconds from the first byte of a request to the last of its response.\n`,
        `# TYPE ${SECONDS} histogram\n`,
        times.join(''),
    ].join('');
}

function histogram(counts, timed) {
    let total = 0;
    const buckets = BOUNDS.map((bound) => {
        total += counts.get(`${SECONDS}_bucket{${timed},le="${bound}"}`) || 0;
        return `${SECONDS}_bucket{${timed},le="${bound}"} ${total}\n`;
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
    r.headersOut['Content-Type'] = 'text/plain; version=0.0.4; charset=utf-8';
    r.return(200, [
        render(ngx.shared.metrics, models),
        gauge('gateway_connections', 'Client connections.', states),
        gauge('gateway_replicas_expected', 'Model servers that should run (REPLICAS).', [` ${v.replicas}`]),
    ].join(''));
}

export default {add, count, labels, render, show};
