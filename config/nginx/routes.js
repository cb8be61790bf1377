// What a request's address asks for.

// Models and versions in TorchServe consist of these.
const PREDICTION = /^\/(predictions|explanations)\/([A-Za-z0-9._-]+)(?:\/([A-Za-z0-9._-]+))?\/?$/;
const KSERVE_V1 = /^\/v1\/models\/([A-Za-z0-9._-]+):predict$/;

// Returns the route, and the model and version that the address names, or '' for each that it does not.
function parse(uri) {
    const match = PREDICTION.exec(uri);
    if (match) {
        return {route: match[1], model: match[2], version: match[3] || ''};
    }
    const kserve = KSERVE_V1.exec(uri);
    if (kserve) {
        return {route: 'predictions', model: kserve[1], version: ''};
    }
    const route = uri === '/healthz' || uri === '/readyz' ? 'health' : 'other';
    return {route, model: '', version: ''};
}

// The route of a request, for js_set.
function route(r) {
    return r.variables.server_port === '8081' ? 'management' : parse(r.variables.uri).route;
}

export default {parse, route};
