// Shows the gateway's /metrics after some requests. The arguments: the variables of each request as JSON, and what the
// reader accepts.
import metrics from './metrics.js';
import {begin, request} from './nginx.js';

begin();
JSON.parse(process.argv[2]).forEach((variables) => metrics.count({variables}));
const shown = request('/metrics', {
    connections_active: '4', connections_waiting: '1', replicas: '2', http_accept: process.argv[3],
});
shown.subrequest = () => ({status: 200, responseText: '{"models": ["m"]}'});
await metrics.show(shown);
process.stdout.write(shown.body);
