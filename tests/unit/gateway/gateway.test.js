// Run by test_njs.py with Node.js, beside a copy of config/nginx/*.js.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import arrival from './arrival.js';
import canary from './canary.js';
import metrics from './metrics.js';
import retry from './retry.js';
import routes from './routes.js';
import trace from './trace.js';
import upload from './upload.js';

// njs's shared dictionary, as far as the modules use it.
class SharedDictionary {
    constructor() { this.entries = {}; }
    get(key) { return this.entries[key]; }
    has(key) { return key in this.entries; }
    set(key, value) { this.entries[key] = value; }
    delete(key) { delete this.entries[key]; }
    keys() { return Object.keys(this.entries); }
    incr(key, delta, start) { return this.entries[key] = (key in this.entries ? this.entries[key] : start) + delta; }
}

function begin() {
    globalThis.ngx = {shared: {
        canaries: new SharedDictionary(), canary_requests: new SharedDictionary(), exemplars: new SharedDictionary(),
        metrics: new SharedDictionary(),
    }};
}

function request(uri, variables) {
    return {uri, headersOut: {}, variables: {
        uri, request_uri: uri, server_port: '8080', model: '', version: '', canary: '', ...variables,
    }, return(status, body) { this.status = status; this.body = body; }};
}

function asked(method, path, body) {
    const r = Object.assign(request(path), {method, requestText: body});
    canary.handle(r);
    return [r.status, JSON.parse(r.body)];
}

test('routes', () => {
    const none = {model: '', version: ''};
    for (const [uri, expected] of Object.entries({
        '/predictions/resnet-50': {route: 'predictions', model: 'resnet-50', version: ''},
        '/predictions/resnet-50/': {route: 'predictions', model: 'resnet-50', version: ''},
        '/predictions/resnet-50/2.0': {route: 'predictions', model: 'resnet-50', version: '2.0'},
        '/explanations/m/1': {route: 'explanations', model: 'm', version: '1'},
        '/v1/models/resnet-50:explain': {route: 'explanations', model: 'resnet-50', version: ''},
        '/v1/models/resnet-50:predict': {route: 'predictions', model: 'resnet-50', version: ''},
        '/v1/models': {route: 'other', ...none},
        '/inference.GRPCInferenceService/ModelInfer': {route: 'grpc', ...none},
        '/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions': {route: 'grpc', ...none},
        '/org.pytorch.serve.grpc.management.ManagementAPIsService/ListModels': {route: 'other', ...none},
        '/v2/models/resnet-50/infer': {route: 'predictions', model: 'resnet-50', version: ''},
        '/v2/models/resnet-50/versions/2.0/infer': {route: 'predictions', model: 'resnet-50', version: '2.0'},
        '/v2/models/a"b/infer': {route: 'predictions', ...none},
        '/v2/models/resnet-50': {route: 'other', ...none},
        '/v2/models/resnet-50/ready': {route: 'other', ...none},
        '/v2/health/live': {route: 'health', ...none},
        '/v2/health/ready': {route: 'health', ...none},
        '/healthz': {route: 'health', ...none},
        '/readyz': {route: 'health', ...none},
        '/predictions/': {route: 'predictions', ...none},
        '/predictions/a"b': {route: 'predictions', ...none},
        '/predictions/a/b/c': {route: 'predictions', ...none},
        '/explanations/a\nb': {route: 'explanations', ...none},
        '/x/predictions/m': {route: 'other', ...none},
    })) {
        assert.deepEqual(routes.parse(uri), expected, uri);
    }
    assert.equal(routes.route(request('/predictions/m', {server_port: '8081'})), 'management');
    assert.equal(routes.route(request('/predictions/m', {page: '1'})), 'page');
    assert.equal(routes.route(request('/predictions/m', {page: '0'})), 'predictions');
});

test('the class in a query, where + is a space', () => {
    for (const [arg_class, expected] of [
        ['tabby+cat+a', 'tabby%20cat%20a'],
        ['caf%C3%A9%2B', 'caf%C3%A9%2B'],
        ['', ''],
        [undefined, ''],
    ]) {
        assert.equal(routes.classInQuery(request('/explanations/m', {arg_class})), expected);
    }
});

test('a prediction without a canary goes where its address says', () => {
    begin();
    const r = request('/predictions/m?top_k=1', {uri: '/predictions/m'});
    assert.equal(canary.destination(r), 'torchserve/predictions/m?top_k=1');
    assert.deepEqual([r.variables.model, r.variables.version, r.variables.canary], ['m', 'default', '']);
});

test('a request of the Open Inference Protocol goes to an address that TorchServe has', () => {
    begin();
    asked('PUT', '/gateway/canary/m', '2.0 99');
    const named = request('/v2/models/m/versions/1.0/infer');
    assert.equal(canary.destination(named), 'torchserve/predictions/m/1.0');
    assert.deepEqual([named.variables.model, named.variables.version, named.variables.canary], ['m', '1.0', '']);
    asked('DELETE', '/gateway/canary/m');
    const r = request('/v2/models/m/infer?top_k=1', {uri: '/v2/models/m/infer'});
    assert.equal(canary.destination(r), 'torchserve/v2/models/m/infer?top_k=1');
});

test('a canary gets its share of the Open Inference Protocol too', () => {
    begin();
    asked('PUT', '/gateway/canary/m', '2.0 99');
    const went = [...Array(50)].map(() => canary.destination(request('/v2/models/m/infer')));
    assert.ok(went.includes('canary/predictions/m/2.0'));
});

test('a canary gets its share, and requests that name a version do not move', () => {
    begin();
    assert.deepEqual(asked('PUT', '/gateway/canary/m', '2.0 30\n'), [200, {canary: '2.0 30'}]);
    const counts = {};
    for (let i = 0; i < 10000; i++) {
        const went = canary.destination(request('/predictions/m'));
        counts[went] = (counts[went] || 0) + 1;
    }
    assert.deepEqual(Object.keys(counts).sort(), ['canary/predictions/m/2.0', 'torchserve/predictions/m']);
    // 30 % of 10,000 with a standard deviation of 46: further away than 6 of them once in a billion runs.
    assert.ok(Math.abs(counts['canary/predictions/m/2.0'] - 3000) < 276, JSON.stringify(counts));
    const named = request('/predictions/m/1.0');
    assert.equal(canary.destination(named), 'torchserve/predictions/m/1.0');
    assert.equal(named.variables.version, '1.0');
    assert.equal(canary.destination(request('/predictions/other')), 'torchserve/predictions/other');
});

test('a canary lists its requests until they are logged', () => {
    begin();
    asked('PUT', '/gateway/canary/m', '2.0 99');
    const routed = [...Array(50)].map(() => request('/predictions/m')).filter((r) => canary.destination(r)[0] === 'c');
    assert.deepEqual(asked('GET', '/gateway/canaries.json')[1], {
        canaries: {m: '2.0 99'}, requests: {'m/2.0': routed.length},
    });
    assert.deepEqual(asked('DELETE', '/gateway/canary/m'), [200, {canary: '2.0 99'}]);
    routed.forEach((r) => canary.end(r));
    canary.end(request('/predictions/m'));
    assert.deepEqual(asked('GET', '/gateway/canaries.json')[1], {canaries: {}, requests: {}});
    assert.equal(asked('DELETE', '/gateway/canary/m')[0], 404);
});

test('invalid canaries are refused and change nothing', () => {
    begin();
    for (const body of ['', undefined, '2.0', '2.0 0', '2.0 100', '2.0 1e1', '2.0  10', '$x 10', '2/0 1', '- 10', '2.0 10;', '2.0 10\nx']) {
        assert.equal(asked('PUT', '/gateway/canary/m', body)[0], 400, body);
    }
    for (const name of ['', '.hidden', 'a/b', 'a"', 'x'.repeat(101)]) {
        assert.equal(asked('PUT', `/gateway/canary/${name}`, '2.0 10')[0], 400, name);
    }
    assert.equal(asked('POST', '/gateway/canary/m', '2.0 10')[0], 405);
    assert.equal(asked('PUT', '/gateway/canaries.json', '2.0 10')[0], 405);
    assert.deepEqual(asked('GET', '/gateway/canaries.json')[1].canaries, {});
});

function logged(status, variables) {
    const r = request('/predictions/m', {
        route: 'predictions', model: 'm', version: 'default', status: String(status),
        request_time: '0.030', ...variables,
    });
    assert.equal(metrics.count(r), '');
}

function sample(text, name) {
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ').pop());
}

test('requests are counted by route, model, version and status', () => {
    begin();
    logged(200);
    logged(200, {request_time: '0.300'});
    logged(500, {version: '2.0', canary: 'm/2.0', request_time: '40.000'});
    const text = metrics.render(ngx.shared.metrics, ['m', 'n']);
    const of = (version) => `route="predictions",model="m",version="${version}"`;
    assert.equal(sample(text, `gateway_requests_total{${of('default')},status="200"}`), 2);
    assert.equal(sample(text, `gateway_requests_total{${of('2.0')},status="500"}`), 1);
    const success = `${of('default')},outcome="success"`;
    assert.equal(sample(text, `gateway_request_seconds_bucket{${success},le="0.025"}`), 0);
    assert.equal(sample(text, `gateway_request_seconds_bucket{${success},le="0.05"}`), 1);
    assert.equal(sample(text, `gateway_request_seconds_bucket{${success},le="+Inf"}`), 2);
    assert.equal(sample(text, `gateway_request_seconds_sum{${success}}`), 0.33);
    assert.equal(sample(text, `gateway_request_seconds_count{${success}}`), 2);
    const error = `${of('2.0')},outcome="error"`;
    assert.equal(sample(text, `gateway_request_seconds_bucket{${error},le="30.0"}`), 0);
    assert.equal(sample(text, `gateway_request_seconds_bucket{${error},le="+Inf"}`), 1);
});

test('a 504 of the handler counts apart from those of slow servers', () => {
    begin();
    logged(200);
    logged(504, {deadline_exceeded: '0'});
    logged(504, {deadline_exceeded: '1'});
    logged(503, {deadline_exceeded: '1'}); // the handler's too
    const text = metrics.render(ngx.shared.metrics, ['m']);
    const of = (status) => `gateway_requests_total{route="predictions",model="m",version="default",status="${status}"}`;
    assert.equal(sample(text, of('504')), 1);
    assert.equal(sample(text, of('504 deadline-exceeded')), 1);
    assert.equal(sample(text, of('503')), 1);
    assert.equal(sample(text, 'gateway_request_seconds_count{route="predictions",model="m",version="default",outcome="error"}'), 3);
});

test('a request arrives with its first byte', () => {
    assert.equal(arrival.time(request('/predictions/m', {msec: '1795890000.250', request_time: '0.375'})), '1795889999.875');
    assert.equal(arrival.time(request('/predictions/m', {msec: '1795890000.000', request_time: '0.000'})), '1795890000.000');
});

test('every served model has its errors at 0 from the start', () => {
    begin();
    const text = metrics.render(ngx.shared.metrics, ['n']);
    for (const status of [200, 415, 503]) {
        assert.equal(sample(text, `gateway_requests_total{route="predictions",model="n",version="default",status="${status}"}`), 0);
    }
});

test('a version has its errors at 0 from its first request, also while no model server responds', () => {
    begin();
    logged(200, {version: '2.0', canary: 'm/2.0'});
    const text = metrics.render(ngx.shared.metrics, []);
    assert.equal(sample(text, 'gateway_requests_total{route="predictions",model="m",version="2.0",status="503"}'), 0);
    assert.equal(sample(text, 'gateway_requests_total{route="predictions",model="",version="",status="503"}'), 0);
});

test('a model that has served keeps its label while no model server responds', () => {
    begin();
    logged(200);
    logged(503, {upstream_header_time: '-'});
    const text = metrics.render(ngx.shared.metrics, []);
    assert.equal(sample(text, 'gateway_requests_total{route="predictions",model="m",version="default",status="503"}'), 1);
});

test('clients cannot make up models', () => {
    begin();
    logged(404, {model: 'made-up'});
    logged(400, {model: 'made-up'}); // a request that TorchServe cannot read
    logged(503, {model: 'made-up'}); // no model server responds
    logged(429, {model: '', version: ''});
    logged(404, {canary: 'm/2.0', version: '2.0'}); // a canary whose version is gone counts
    const text = metrics.render(ngx.shared.metrics, []);
    assert.ok(!text.includes('made-up'));
    assert.equal(sample(text, 'gateway_requests_total{route="predictions",model="",version="",status="404"}'), 1);
    assert.equal(sample(text, 'gateway_requests_total{route="predictions",model="",version="",status="429"}'), 1);
    assert.equal(sample(text, 'gateway_requests_total{route="predictions",model="m",version="2.0",status="404"}'), 1);
});

test('/metrics lists connections, replicas and, with a server, the served models', async () => {
    begin();
    for (const [status, zeros] of [[200, true], [503, false]]) {
        const r = request('/metrics', {connections_active: '7', connections_waiting: '5', replicas: '2'});
        r.subrequest = async () => ({status, responseText: status === 200 ? '{"models": ["m"]}' : 'no'});
        await metrics.show(r);
        assert.equal(r.status, 200);
        assert.equal(sample(r.body, 'gateway_connections{state="active"}'), 7);
        assert.equal(sample(r.body, 'gateway_replicas_expected'), 2);
        assert.equal(r.body.includes('model="m"'), zeros);
    }
});

test('a prediction is sent again if no server had it, or none was left to try', () => {
    for (const [addresses, times, expected] of [
        ['torchserve', '-', true],
        ['10.0.0.1:8080', '-', true],
        ['10.0.0.1:8080, torchserve', '-, -', true],
        ['10.0.0.1:8080, torchserve', '0.000, -', true],
        ['10.0.0.1:8080', '0.001', false],
        ['10.0.0.1:8080, 10.0.0.2:8080', '-, 0.000', false],
        ['', '', true],
    ]) {
        assert.equal(retry.again(addresses, times), expected, addresses);
    }
});

test('what is not sent again gets its own error', () => {
    const late = {upstream_addr: 'a:1', upstream_connect_time: '0.000', upstream_status: '504'};
    for (const [variables, expected] of [
        [{upstream_addr: 'torchserve', upstream_connect_time: '-', upstream_status: '502'}, '@predict_again'],
        [{upstream_addr: 'a:1', upstream_connect_time: '0.000', upstream_status: '502'}, '@502'],
        [{upstream_addr: 'a:1, b:1', upstream_connect_time: '0.000, 0.000', upstream_status: '502, 504'}, '@504'],
        [{...late, replicas: '2', request_time: '20.001'}, '@predict_again'],
        [{...late, replicas: '1', request_time: '20.001'}, '@504'],
        [{...late, replicas: '2', request_time: '30.001'}, '@504'],
        [{...late, replicas: '2', request_time: '0.100', deadline_exceeded: '1'}, '@504'],
    ]) {
        let went;
        retry.unanswered({variables, internalRedirect: (location) => { went = location; }});
        assert.equal(went, expected);
    }
});

const UPLOAD = {upload_seconds: '40', upload_timeout: '{"error":"The body took too long: be faster"}'};

function timers(context) {
    const set = [];
    context.mock.method(globalThis, 'setTimeout', (call, milliseconds) => set.push({call, milliseconds}) - 1);
    context.mock.method(globalThis, 'clearTimeout', (index) => { set[index] = undefined; });
    return set;
}

test('a body that takes too long is refused, and its request ends', (context) => {
    const set = timers(context);
    for (const [route, status, type] of [['predictions', 408, 'application/problem+json'], ['grpc', 200, 'application/grpc']]) {
        const r = request('/predictions/m', {...UPLOAD, route});
        r.readRequestArrayBuffer = () => new Promise(() => {});
        upload.limit(r);
        assert.equal(set.at(-1).milliseconds, 40000);
        set.at(-1).call();
        assert.equal(r.status, status);
        assert.equal(r.headersOut['Content-Type'], type);
        assert.match(r.body || r.headersOut['grpc-message'], /be faster/);
        const [end, event] = set.slice(-2);
        assert.throws(end.call, /more than 40 seconds/);
        assert.ok(event.milliseconds > end.milliseconds);
        event.call();
    }
});

test('the rest of a refused body is not passed on', async (context) => {
    const set = timers(context);
    const r = request('/predictions/m', {...UPLOAD, route: 'predictions'});
    let arrive;
    r.readRequestArrayBuffer = () => new Promise((resolve) => { arrive = resolve; });
    const passedOn = upload.limit(r).then(() => true);
    set[0].call();
    arrive(new ArrayBuffer(1));
    assert.equal(await Promise.race([passedOn, new Promise((resolve) => setImmediate(resolve, false))]), false);
});

test('a body in time is passed on', async (context) => {
    const set = timers(context);
    const r = request('/predictions/m', {...UPLOAD, route: 'predictions'});
    r.readRequestArrayBuffer = () => Promise.resolve(new ArrayBuffer(1));
    await upload.limit(r);
    assert.deepEqual(set, [undefined]);
    assert.equal(r.status, undefined);
});

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const NGINX_ID = '0123456789abcdef0123456789abcdef';

function traced(traceparent, tracestate) {
    const r = request('/predictions/m', {
        request_id: NGINX_ID, http_traceparent: traceparent, http_tracestate: tracestate,
    });
    return {
        id: trace.id(r), span: trace.span(r), parent: trace.parent(r), sent: trace.traceparent(r),
        state: trace.tracestate(r),
    };
}

test('a request without a trace begins one, whose id is also that of the request', () => {
    assert.deepEqual(traced(undefined, 'vendor=1'), {
        id: NGINX_ID, span: '0123456789abcdef', parent: 'none', sent: `00-${NGINX_ID}-0123456789abcdef-00`, state: '',
    });
});

test('a valid traceparent is followed, with the gateway as a span of its own', () => {
    for (const [header, flags] of [
        [`00-${TRACE}-${PARENT}-01`, '01'],
        [`00-${TRACE}-${PARENT}-00`, '00'],
        [`00-${TRACE}-${PARENT}-03`, '01'], // flags that this version does not know are not passed on
        [`00-${TRACE}-${PARENT}-fe`, '00'],
        [`01-${TRACE}-${PARENT}-01`, '01'],
        [`cc-${TRACE}-${PARENT}-01-what-the-future-holds`, '01'],
        [`fe-${TRACE}-${PARENT}-01-`, '01'],
    ]) {
        assert.deepEqual(traced(header, 'vendor=1'), {
            id: TRACE, span: '0123456789abcdef', parent: PARENT, sent: `00-${TRACE}-0123456789abcdef-${flags}`,
            state: 'vendor=1',
        }, header);
    }
});

test('an invalid traceparent is replaced, and its tracestate dropped', () => {
    for (const header of [
        '', '-', 'garbage', `00-${TRACE}-${PARENT}`, `00-${TRACE}-${PARENT}-1`, `00-${TRACE}-${PARENT}-01-more`,
        `00-${TRACE}-${PARENT}-01.`, `00-${TRACE}-${PARENT}-011`, `ff-${TRACE}-${PARENT}-01`, `0-${TRACE}-${PARENT}-01`,
        `00-${'0'.repeat(32)}-${PARENT}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${PARENT}-01`,
        `00-${TRACE.slice(1)}-${PARENT}-01`, `00-${TRACE}a-${PARENT}-01`, `00-${TRACE}-${PARENT}a-01`,
        `00_${TRACE}_${PARENT}_01`, `00-${TRACE}-${PARENT}-0x`, `.0-${TRACE}-${PARENT}-01`, `cc-${TRACE}-${PARENT}-01.x`,
        `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`, ` 00-${TRACE}-${PARENT}-01`,
    ]) {
        const got = traced(header, 'vendor=1');
        assert.deepEqual([got.id, got.parent, got.state], [NGINX_ID, 'none', ''], header);
    }
});

test('a tracestate is passed on if it is valid', () => {
    const parent = `00-${TRACE}-${PARENT}-01`;
    for (const [state, passed] of [
        [undefined, ''], ['', ''], [',', ''],
        ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
        ['a=1 , b=2,', 'a=1,b=2'],
        ['tenant@vendor=x y;z', 'tenant@vendor=x y;z'],
        ['a', ''], ['a=', ''], ['=1', ''], ['A=1', ''], ['a=1=2', ''], ['a=\u00e9', ''], ['a=1\t2', ''], ['a b=1', ''],
        [`a=${'x'.repeat(256)}`, `a=${'x'.repeat(256)}`], [`a=${'x'.repeat(257)}`, ''],
        [[...Array(32).keys()].map((key) => `k${key}=1`).join(','), [...Array(32).keys()].map((key) => `k${key}=1`).join(',')],
        [[...Array(33).keys()].map((key) => `k${key}=1`).join(','), ''],
        [`a=${'x'.repeat(200)},b=${'x'.repeat(200)},c=${'x'.repeat(200)}`, ''],
    ]) {
        assert.equal(traced(parent, state).state, passed, state);
    }
});

async function openMetrics(accept) {
    const r = request('/metrics', {connections_active: '7', connections_waiting: '5', replicas: '2', http_accept: accept});
    r.subrequest = async () => ({status: 503});
    await metrics.show(r);
    return r;
}

test('the latency names a request that the model server has recorded, to those who read OpenMetrics', async () => {
    begin();
    logged(200, {upstream_http_traceresponse: `00-${TRACE}-${PARENT}-01`, request_time: '0.030', msec: '1795890000.250'});
    logged(200, {upstream_http_traceresponse: `00-${NGINX_ID}-${PARENT}-00`, request_time: '0.300'}); // not recorded
    logged(200, {request_time: '3.000'});
    const r = await openMetrics('application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    assert.equal(r.headersOut['Content-Type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    const of = 'route="predictions",model="m",version="default",outcome="success"';
    assert.ok(r.body.includes(
        `gateway_request_seconds_bucket{${of},le="0.05"} 1 # {trace_id="${TRACE}"} 0.030 1795890000.250\n`));
    assert.ok(r.body.includes(`gateway_request_seconds_bucket{${of},le="5.0"} 3\n`));
    assert.equal(r.body.split('trace_id').length, 2);
    assert.ok(r.body.includes('# TYPE gateway_requests counter\n'));
    assert.ok(r.body.endsWith('# EOF\n'));
});

test('other readers of the metrics get Prometheus\' text format, which has no exemplars', async () => {
    begin();
    logged(200, {upstream_http_traceresponse: `00-${TRACE}-${PARENT}-01`, request_time: '0.030', msec: '1795890000.250'});
    for (const accept of [undefined, '*/*', 'text/plain;version=0.0.4']) {
        const r = await openMetrics(accept);
        assert.equal(r.headersOut['Content-Type'], 'text/plain; version=0.0.4; charset=utf-8');
        assert.ok(!r.body.includes('trace_id'));
        assert.ok(!r.body.includes('# EOF'));
    }
});
