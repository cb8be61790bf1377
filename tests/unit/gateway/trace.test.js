import assert from 'node:assert/strict';
import {test} from 'node:test';

import {NGINX_ID, PARENT, TRACE, request} from './nginx.js';
import trace from './trace.js';

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
