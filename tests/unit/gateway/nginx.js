// What nginx gives its njs modules, as far as they use it.
import assert from 'node:assert/strict';

import metrics from './metrics.js';

export const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
export const PARENT = '00f067aa0ba902b7';
export const NGINX_ID = '0123456789abcdef0123456789abcdef';

// njs's shared dictionary.
class SharedDictionary {
    constructor() { this.entries = {}; }
    get(key) { return this.entries[key]; }
    has(key) { return key in this.entries; }
    set(key, value) { this.entries[key] = value; }
    delete(key) { delete this.entries[key]; }
    keys() { return Object.keys(this.entries); }
    incr(key, delta, start) { return this.entries[key] = (key in this.entries ? this.entries[key] : start) + delta; }
}

export function begin() {
    globalThis.ngx = {shared: {
        canaries: new SharedDictionary(), canary_requests: new SharedDictionary(), exemplars: new SharedDictionary(),
        metrics: new SharedDictionary(),
    }};
}

export function request(uri, variables) {
    return {uri, headersOut: {}, variables: {
        uri, request_uri: uri, server_port: '8080', model: '', version: '', canary: '', ...variables,
    }, return(status, body) { this.status = status; this.body = body; }};
}

export function logged(status, variables) {
    const r = request('/predictions/m', {
        route: 'predictions', model: 'm', version: 'default', status: String(status),
        request_time: '0.030', ...variables,
    });
    assert.equal(metrics.count(r), '');
}
