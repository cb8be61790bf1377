import assert from 'node:assert/strict';
import {test} from 'node:test';

import {request} from './nginx.js';
import upload from './upload.js';

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
