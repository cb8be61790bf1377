import assert from 'node:assert/strict';
import {test} from 'node:test';

import canary from './canary.js';
import {begin, logged, request} from './nginx.js';

function asked(method, path, body) {
    const r = Object.assign(request(path), {method, requestText: body});
    canary.handle(r);
    return [r.status, JSON.parse(r.body)];
}

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
