// Shows the gateway's /metrics after some requests, with stand-ins for nginx's objects. The arguments: the variables of
// each request, and what the status service lists as served, both as JSON.
import metrics from './metrics.js';

class Zone extends Map {
    incr(key, amount, initial) {
        this.set(key, (this.has(key) ? this.get(key) : initial) + amount);
    }

    keys() {
        return [...super.keys()];
    }
}

globalThis.ngx = {shared: {metrics: new Zone(), canaries: new Zone(), canary_requests: new Zone()}};
const [requests, served] = process.argv.slice(2).map((argument) => JSON.parse(argument));
requests.forEach((variables) => metrics.count({variables}));
await metrics.show({
    variables: {connections_active: '4', connections_waiting: '1', replicas: '2'},
    headersOut: {},
    subrequest: () => ({status: served ? 200 : 503, responseText: JSON.stringify({models: served})}),
    return: (status, body) => process.stdout.write(body),
});
