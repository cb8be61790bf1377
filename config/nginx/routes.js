// What a request's address asks for.

const TARGET = /^\/(?:predictions|explanations)\/([A-Za-z0-9._-]{1,100})(?:\/([A-Za-z0-9._-]{1,100}))?\/?$/;
const KSERVE_V1 = /^\/v1\/models\/([A-Za-z0-9._-]{1,100}):(?:predict|explain)$/;
const KSERVE_V2 = /^\/v2\/models\/([A-Za-z0-9._-]{1,100})(?:\/versions\/([A-Za-z0-9._-]{1,100}))?\/infer$/;
const ROUTES = [
    ['predictions', /^\/predictions\/|^\/v1\/models\/[^/]+:predict$|^\/v2\/models\/[^/]+(\/versions\/[^/]+)?\/infer$/],
    ['explanations', /^\/explanations\/|^\/v1\/models\/[^/]+:explain$/],
    ['grpc', /^\/[A-Za-z0-9.]+\.(InferenceAPIsService|GRPCInferenceService)\/[A-Za-z0-9]+$/],
    ['health', /^\/(healthz|readyz|v2\/health\/(live|ready))$/],
    ['other', /^/],
];

// Returns the route, and the model and the version that the address names, or '' where it names none.
function parse(uri) {
    const target = TARGET.exec(uri) || KSERVE_V1.exec(uri) || KSERVE_V2.exec(uri) || [];
    const route = ROUTES.find((each) => each[1].test(uri))[0];
    return {route: route, model: target[1] || '', version: target[2] || ''};
}

// Returns the address of a prediction at TorchServe, which has none for a version in V2; the handler reads the body alone.
function upstream(uri, requestUri) {
    const target = KSERVE_V2.exec(uri) || [];
    return target[2] ? `/predictions/${target[1]}/${target[2]}` : requestUri;
}

// The class that a query names, for js_set. Forms and many clients write a space as +.
function classInQuery(r) {
    return (r.variables.arg_class || '').replace(/\+/g, '%20');
}

// The route of a request, for js_set.
function route(r) {
    if (r.variables.server_port === '8081') {
        return 'management';
    }
    return r.variables.page === '1' ? 'page' : parse(r.variables.uri).route;
}

export default {parse, route, upstream, classInQuery};
