-- What wrk sends, and what it says in the end: one line of JSON. See measure.py.
local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "text/xml"
if os.getenv("BENCH_CLOSE") then
    wrk.headers["Connection"] = "close"
end
file:close()

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"calls": %d, "seconds": %f, "bytes": %d, "p50_ms": %f, "p99_ms": %f, "errors": '
            .. '{"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, errors.connect, errors.read, errors.write, errors.status,
        errors.timeout))
end
