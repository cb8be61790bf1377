"""What malformed requests have in their headers and addresses."""

VALUES = (
    *(b"", b" ", b"0", b"-1", b"1.5", b"1e999", b"NaN", b"inf", b"0x10", b"1_0", b"9" * 3000, b"null", b"true"),
    *("٣".encode(), "\uff11".encode(), b"\xff\xfe\x80", b"\xc3\x28", b"\x01\x02", b"\x7f", b"\t", b"%00", b"a\x00b"),
    *(b'"', b"'; DROP", b"${jndi:ldap://127.0.0.1:1/a}", b"{{7*7}}", b"../../etc/passwd", b"*/*;q=nope", b",,,;;;"),
    *(b"text/plain;q=0, application/json;q=0", b"application/json;" * 400, b"True", b"a" * 7000, "é".encode("latin-1")),
)
NAMES = (
    *(b"X-Top-K", b"X-Threshold", b"Accept", b"Content-Type", b"X-Request-Id", b"Accept-Encoding", b"Content-Encoding"),
    *(b"Expect", b"Cookie", b"Authorization", b"Range", b"Upgrade", b"describe", b"explain", b"X-Forwarded-For", b"TE"),
    *(b"Inference-Header-Content-Length", b"X-Class", b"X-Request-Timeout", b"X-Request-Start", b"X-Request-Forwarded"),
    *(
        b"X-Request-Parent",
        b"X-Request-Log",
        b"traceparent",
        b"tracestate",
        b"Origin",
        b"Access-Control-Request-Method",
    ),
)
TRACE, SPAN = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
TRACEPARENTS = (
    *VALUES,
    b"00-%s-%s-01" % (TRACE, SPAN),
    b"00-%s-%s-00-more" % (TRACE, SPAN),
    b"ff-%s-%s-01" % (TRACE, SPAN),
    b"fe-%s-%s-ff-more" % (TRACE, SPAN),
    b"00-%s-%s-01" % (b"0" * 32, SPAN),
    b"00-%s-%s-01" % (TRACE, b"0" * 16),
    b"00-%s-%s-zz" % (TRACE.upper(), SPAN),
)
TRACESTATES = (*VALUES, b"vendor=1", b"=", b"a=b," * 100, b"k=" + b"v" * 600, b"t@v=\xe9")
CLASSES = (
    *VALUES,
    b"cup",
    b"967",
    b"Coffee mug",
    b"coffee%20mug",
    b"coffee+mug",
    b"%ff%fe",
    b"%",
    b"999999999",
    "é".encode(),
)
ACCEPTS = (b"image/png", b"application/json", b"image/*", b"text/plain", b"text/html, */*", b"*/*;q=0")
# How long a client waits, and when its request arrived.
TIMEOUTS = (
    *VALUES,
    b"0.000001",
    b"0.5",
    b".5",
    b"1.",
    b"60",
    b"1e-3",
    b"1s",
    b"-0",
    b"999999999",
    b"9999999999",
    b"1.5.1",
)
STARTS = (
    *VALUES,
    b"t=1000000000.000",
    b"t=9999999999.999",
    b"1700000000000",
    b"9999999999999999",
    b"t=1e9",
    b"t=",
    b"t=-1",
)
METHODS = (b"GET", b"HEAD", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"FOO", b"post", b"PUT")
PATHS = (
    *(
        b"/predictions/%s?%%zz",
        b"/predictions/%s/%%zz",
        b"/predictions/%s%%00",
        b"/predictions/%s/9.9",
        b"//predictions/%s",
    ),
    *(b"/predictions/../models", b"/predictions/%%2e%%2e/models", b"/predictions/%s/../../models", b"/predictions/"),
    *(b"/predictions/%%ff%%fe", "/predictions/é".encode(), b"/predictions/%s;x=1", b"/predictions/%s/1.0/x/y/z"),
    *(b"/predictions/%s?top_k=" + b"9" * 3000, b"/predictions/%s?top_k=\xff&threshold=%%00", b"/predictions/nobody"),
    *(
        b"/v1/models/%s:predict?x",
        b"/v1/models/%s:explain",
        b"/v1/models/:predict",
        b"/v1/models",
    ),
    *(b"/v2/models/%s/infer", b"/v2/models/%s/versions/1.0/infer", b"/v2/models/%s/versions/9.9/infer", b"/v2"),
    *(b"/v2/models/%s", b"/v2/models/%s/ready", b"/v2/models/%%ff/infer", b"/v2/models//infer", b"/v2/health/ready"),
    *(b"/explanations/%s", b"/explanations/nobody", b"/api-description", b"/models", b"/metrics", b"/invocations"),
    *(b"/predictions/" + b"a" * 3000, b"/predictions/" + b"a" * 9000, b"/" + b"%%41" * 500, b"http://x/predictions/%s"),
)
