<?php
// PHP's xmlrpc extension, over PHP's own HTTP, as a peer: see ../peers.py for what it reads and writes.
error_reporting(E_ALL & ~E_DEPRECATED);

function made($tagged)
{
    [$type, $value] = [array_key_first($tagged), reset($tagged)];
    switch ($type) {
        case 'dateTime':
            xmlrpc_set_type($value, 'datetime');
            return $value;
        case 'base64':
            $value = base64_decode($value);
            xmlrpc_set_type($value, 'base64');
            return $value;
        case 'double':
            return (float)$value;
        case 'array':
        case 'struct':
            return array_map('made', $value);
        default:
            return $value;
    }
}

function told($value)
{
    switch (xmlrpc_get_type($value)) {
        case 'datetime':
            return ['dateTime' => $value->scalar];
        case 'base64':
            return ['base64' => base64_encode($value->scalar)];
        case 'array':
        case 'mixed':
            return ['array' => array_map('told', array_values($value))];
        case 'struct':
            return ['struct' => (object)array_map('told', $value)];
        default:
            return [xmlrpc_get_type($value) => $value];
    }
}

function outcome($url, $step)
{
    // Strings are bytes to it: "markup" leaves those of UTF-8 alone.
    $request = xmlrpc_encode_request(
        $step['method'],
        array_map('made', $step['params']),
        ['encoding' => 'utf-8', 'escaping' => 'markup']
    );
    $context = stream_context_create(['http' => [
        'method' => 'POST', 'header' => 'Content-Type: text/xml', 'content' => $request,
    ]]);
    $answer = file_get_contents($url, false, $context);
    if ($answer === false) {
        return ['error' => error_get_last()['message']];
    }
    $value = xmlrpc_decode($answer, 'utf-8');
    if (is_array($value) && xmlrpc_is_fault($value)) {
        return ['fault' => ['code' => $value['faultCode'], 'string' => $value['faultString']]];
    }
    return ['result' => told($value)];
}

function tell($line)
{
    echo json_encode($line, JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_UNICODE
        | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    flush();
}

while (($line = fgets(STDIN)) !== false) {
    try {
        tell(outcome($argv[1], json_decode($line, true)));
    } catch (Throwable $error) {
        tell(['error' => $error->getMessage()]);
    }
}
