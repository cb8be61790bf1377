// A canary sends a share of a model's requests to a new version. A PUT starts it at once: all nginx workers read it from
// shared memory.
import routes from './routes.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const SHARE = /^([A-Za-z0-9][A-Za-z0-9._-]{0,99}) ([1-9][0-9]?)$/; // a version and a percentage, such as "2.0 10"

// Where a prediction goes, for js_set: to the version in its address, else to the canary's share, else to the default.
function destination(r) {
    const asked = routes.parse(r.variables.uri);
    r.variables.model = asked.model;
    r.variables.version = asked.version || 'default';
    const share = asked.version ? undefined : ngx.shared.canaries.get(asked.model);
    if (share === undefined || Math.random() * 100 >= Number(share.split(' ')[1])) {
        return `torchserve${routes.upstream(r.variables.uri, r.variables.request_uri)}`;
    }
    r.variables.version = share.split(' ')[0];
    r.variables.canary = `${asked.model}/${r.variables.version}`;
    // Until the request is logged: the version must not be unregistered before.
    ngx.shared.canary_requests.incr(r.variables.canary, 1, 0);
    return `canary/${asked.route}/${r.variables.canary}`;
}

function versions() {
    return ngx.shared.canaries.keys().map((model) => ({model: model, version: ngx.shared.canaries.get(model).split(' ')[0]}));
}

// Called when a request is logged.
function end(r) {
    if (r.variables.canary) {
        ngx.shared.canary_requests.incr(r.variables.canary, -1, 0);
    }
}

// GET, PUT and DELETE /gateway/canary/<model>; GET /gateway/canaries.json lists all.
function handle(r) {
    if (r.uri === '/gateway/canaries.json') {
        return r.method === 'GET' ? list(r) : refuse(r, 405, 'method-not-allowed', 'send a GET');
    }
    const model = r.uri.slice('/gateway/canary/'.length);
    if (!NAME.test(model)) {
        return refuse(r, 400, 'invalid-canary', 'send /gateway/canary/<model name>');
    }
    if (r.method === 'PUT') {
        const share = (r.requestText || '').trim();
        if (!SHARE.test(share)) {
            return refuse(r, 400, 'invalid-canary', 'send a version and a percentage from 1 to 99, such as 2.0 10');
        }
        ngx.shared.canaries.set(model, share);
        return respond(r, 200, {canary: share});
    }
    const current = ngx.shared.canaries.get(model);
    if (r.method !== 'GET' && r.method !== 'DELETE') {
        return refuse(r, 405, 'method-not-allowed', 'send GET, PUT or DELETE');
    }
    if (current === undefined) {
        return refuse(r, 404, 'not-found', 'this model has no canary: see /gateway/canaries.json');
    }
    if (r.method === 'DELETE') {
        ngx.shared.canaries.delete(model);
    }
    return respond(r, 200, {canary: current});
}

// Lists the canaries, and how many requests of each are not answered yet.
function list(r) {
    const found = {canaries: {}, requests: {}};
    ngx.shared.canaries.keys().forEach((model) => {
        found.canaries[model] = ngx.shared.canaries.get(model);
    });
    ngx.shared.canary_requests.keys().forEach((key) => {
        if (ngx.shared.canary_requests.get(key) > 0) {
            found.requests[key] = ngx.shared.canary_requests.get(key);
        }
    });
    respond(r, 200, found);
}

function respond(r, status, document) {
    r.headersOut['Content-Type'] = status < 400 ? 'application/json' : 'application/problem+json';
    r.return(status, JSON.stringify(document) + '\n');
}

const TITLES = {
    'invalid-canary': 'The canary is not valid',
    'method-not-allowed': 'This method is not allowed here',
    'not-found': 'There is nothing at this address',
};

function refuse(r, status, slug, detail) {
    const title = TITLES[slug];
    const error = `${title}: ${detail}`;
    respond(r, status, {type: `/problems/${slug}`, title: title, status: status, detail: detail, error: error});
}

export default {destination, end, handle, versions};
