// What follows when no model server has answered a prediction.

// nginx itself tries another server, but not once the list of their addresses has changed since the first try, as when a
// server stops. Then, and where no server had received the request, it is sent once more, with the new list.
function again(addresses, connectTimes) {
    const reached = /\d/.test(connectTimes);
    const withoutServer = !/:\d+$/.test(addresses); // the upstream's name alone: there was none left
    return !reached || withoutServer;
}

// Whether a request waited for a replica that hangs, where there are others: nginx may have counted only the one, as while
// the list changes. Not after 30 s, as in predictions.conf, and not where its own deadline is over.
function hung(v) {
    return (v.upstream_status || '').endsWith('504') && Number(v.replicas) > 1 && Number(v.request_time) < 30
        && v.deadline_exceeded !== '1';
}

// Continues a request that ended with a 502 or a 504.
function unanswered(r) {
    const v = r.variables;
    if (again(v.upstream_addr || '', v.upstream_connect_time || '') || hung(v)) {
        r.internalRedirect('@predict_again');
    } else {
        r.internalRedirect((v.upstream_status || '').endsWith('504') ? '@504' : '@502');
    }
}

export default {again, unanswered};
