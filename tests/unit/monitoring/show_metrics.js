// Shows the gateway's /metrics after some requests, with stand-ins for nginx's objects. The argument: the variables of
// each request as JSON, and what the reader accepts.
import metrics from './metrics.js';

class SharedDictionary extends Map {
    incr(key, delta, start) {
        this.set(key, (this.has(key) ? this.get(key) : start) + delta);
    }

    keys() {
        return [...super.keys()];
    }
}

globalThis.ngx = {shared: {metrics: new SharedDictionary(), exemplars: new SharedDictionary()}};
JSON.parse(process.argv[2]).forEach((variables) => metrics.count({variables}));
await metrics.show({
    variables: {connections_active: '4', connections_waiting: '1', replicas: '2', http_accept: process.argv[3]},
    headersOut: {},
    subrequest: () => ({status: 200, responseText: '{"models": ["m"]}'}),
    return: (status, body) => process.stdout.write(body),
});
