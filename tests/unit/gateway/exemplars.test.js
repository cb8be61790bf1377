import assert from 'node:assert/strict';
import {test} from 'node:test';

import metrics from './metrics.js';
import {NGINX_ID, PARENT, TRACE, begin, logged, request} from './nginx.js';

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
