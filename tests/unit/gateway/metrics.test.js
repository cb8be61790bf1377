import assert from 'node:assert/strict';
import {test} from 'node:test';

import metrics from './metrics.js';
import {begin, logged, request} from './nginx.js';

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

test('every served model has its errors at 0 from the start', () => {
    begin();
    const text = metrics.render(ngx.shared.metrics, ['n']);
    for (const status of [200, 415, 503]) {
        assert.equal(sample(text, `gateway_requests_total{route="predictions",model="n",version="default",status="${status}"}`), 0);
    }
});

test('a canary has its errors at 0 from its start to its end', () => {
    begin();
    const name = 'gateway_requests_total{route="predictions",model="m",version="2.0",status="500"}';
    const shown = () => sample(metrics.render(ngx.shared.metrics, []), name);
    assert.equal(shown(), undefined);
    ngx.shared.canaries.set('m', '2.0 10');
    assert.equal(shown(), 0);
    logged(500, {version: '2.0', canary: 'm/2.0'});
    assert.equal(shown(), 1);
    ngx.shared.canaries.delete('m');
    assert.equal(shown(), 1);
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
