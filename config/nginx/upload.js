// How long a whole body may take. client_body_timeout limits the pause between two reads alone, and ends without a
// response.

// Responds with the problem document, or as a gRPC server does.
function refuse(r) {
    const problem = r.variables.upload_timeout;
    if (r.variables.route === 'grpc') {
        Object.assign(r.headersOut, {
            'Content-Type': 'application/grpc', 'grpc-status': '4', 'grpc-message': JSON.parse(problem).error,
        });
        r.return(200, '');
    } else {
        r.headersOut['Content-Type'] = 'application/problem+json';
        r.return(408, problem);
    }
}

// Waits for the body, for js_access; nginx then passes on what has been read.
async function limit(r) {
    const seconds = r.variables.upload_seconds;
    let refused = false;
    const timer = setTimeout(() => {
        refused = true;
        refuse(r);
        // Ends the request: without an error, njs would wait for the rest of the body. Not at once: HTTP/2 drops what
        // is not yet sent.
        setTimeout(() => { throw new Error(`the body took more than ${seconds} seconds`); }, 100);
        // nginx closes the connection at its next event, which a client that waits does not cause: this is one.
        setTimeout(() => {}, 110);
    }, seconds * 1000);
    await r.readRequestArrayBuffer();
    if (refused) {
        await new Promise(() => {}); // the rest came after the response
    }
    clearTimeout(timer);
}

export default {limit};
