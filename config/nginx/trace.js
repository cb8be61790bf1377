// W3C Trace Context (https://www.w3.org/TR/trace-context/): each request belongs to a trace, and the gateway is a span in it.

// A later version may add fields behind the flags; ff is none. nginx joins repeated headers with ", ", which is invalid.
const TRACEPARENT = /^(?:00|[0-9a-e][0-9a-f]|f[0-9a-e])-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})($|-)/;
const FIRST_VERSION_LENGTH = 55;
const MEMBER = /^[a-z0-9][a-z0-9_*\/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/;

// Returns what a client says about its trace, or undefined if it says nothing valid.
function received(header) {
    const found = TRACEPARENT.exec(header || '');
    if (!found || /^0+$/.test(found[1]) || /^0+$/.test(found[2])
        || (header.startsWith('00') && header.length !== FIRST_VERSION_LENGTH)) {
        return undefined;
    }
    return {trace: found[1], parent: found[2], sampled: parseInt(found[3], 16) % 2 === 1};
}

// The trace of a request, for js_set: the client's, else a new one, whose id is also nginx's id of the request.
function id(r) {
    const client = received(r.variables.http_traceparent);
    return client ? client.trace : r.variables.request_id;
}

// The gateway's own span.
function span(r) {
    return r.variables.request_id.slice(0, 16);
}

// The client's span; without one, the model server decides whether to record the trace.
function parent(r) {
    const client = received(r.variables.http_traceparent);
    return client ? client.parent : 'none';
}

// What the model server gets.
function traceparent(r) {
    const client = received(r.variables.http_traceparent);
    return `00-${id(r)}-${span(r)}-${client && client.sampled ? '01' : '00'}`;
}

// The client's, where it belongs to a valid traceparent and is valid itself.
function tracestate(r) {
    const state = r.variables.http_tracestate || '';
    const members = state.split(',').map((member) => member.trim()).filter((member) => member !== '');
    const valid = state.length <= 512 && members.length <= 32 && members.every((member) => MEMBER.test(member));
    return valid && received(r.variables.http_traceparent) ? members.join(',') : '';
}

// Returns the trace that the model server has recorded a request in, or '' if it has recorded none.
function recorded(traceresponse) {
    const found = received(traceresponse);
    return found && found.sampled ? found.trace : '';
}

export default {id, parent, recorded, span, traceparent, tracestate};
