import assert from 'node:assert/strict';
import {test} from 'node:test';

import arrival from './arrival.js';
import {request} from './nginx.js';
import routes from './routes.js';

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

test('a request arrives with its first byte', () => {
    assert.equal(arrival.time(request('/predictions/m', {msec: '1795890000.250', request_time: '0.375'})), '1795889999.875');
    assert.equal(arrival.time(request('/predictions/m', {msec: '1795890000.000', request_time: '0.000'})), '1795890000.000');
});
