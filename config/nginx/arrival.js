// When a request arrived.

// Returns the seconds since 1970 at its first byte, for js_set: nginx's own variables know the time now and the time taken.
function time(r) {
    return (Number(r.variables.msec) - Number(r.variables.request_time)).toFixed(3);
}

export default {time};
