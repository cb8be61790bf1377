import assert from 'node:assert/strict';
import {test} from 'node:test';

import retry from './retry.js';

test('a prediction is sent again if no server had it, or none was left to try', () => {
    for (const [addresses, times, expected] of [
        ['torchserve', '-', true],
        ['10.0.0.1:8080', '-', true],
        ['10.0.0.1:8080, torchserve', '-, -', true],
        ['10.0.0.1:8080, torchserve', '0.000, -', true],
        ['10.0.0.1:8080', '0.001', false],
        ['10.0.0.1:8080, 10.0.0.2:8080', '-, 0.000', false],
        ['', '', true],
    ]) {
        assert.equal(retry.again(addresses, times), expected, addresses);
    }
});

test('what is not sent again gets its own error', () => {
    const late = {upstream_addr: 'a:1', upstream_connect_time: '0.000', upstream_status: '504'};
    for (const [variables, expected] of [
        [{upstream_addr: 'torchserve', upstream_connect_time: '-', upstream_status: '502'}, '@predict_again'],
        [{upstream_addr: 'a:1', upstream_connect_time: '0.000', upstream_status: '502'}, '@502'],
        [{upstream_addr: 'a:1, b:1', upstream_connect_time: '0.000, 0.000', upstream_status: '502, 504'}, '@504'],
        [{...late, replicas: '2', request_time: '20.001'}, '@predict_again'],
        [{...late, replicas: '1', request_time: '20.001'}, '@504'],
        [{...late, replicas: '2', request_time: '30.001'}, '@504'],
        [{...late, replicas: '2', request_time: '0.100', deadline_exceeded: '1'}, '@504'],
    ]) {
        let went;
        retry.unanswered({variables, internalRedirect: (location) => { went = location; }});
        assert.equal(went, expected);
    }
});
