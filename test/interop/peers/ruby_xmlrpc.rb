# Ruby's xmlrpc as a peer: see ../peers.py for what a peer reads and writes.
require 'json'
require 'xmlrpc/client'

$stdout.sync = true
XMLRPC::Config.module_eval do # nil is refused otherwise
  remove_const(:ENABLE_NIL_CREATE)
  remove_const(:ENABLE_NIL_PARSER)
  const_set(:ENABLE_NIL_CREATE, true)
  const_set(:ENABLE_NIL_PARSER, true)
end

def made(tagged)
  type, value = tagged.first
  case type
  when 'double' then value.to_f
  when 'dateTime' then XMLRPC::Convert.dateTime(value)
  when 'base64' then XMLRPC::Base64.new(value.unpack1('m'))
  when 'array' then value.map { |item| made(item) }
  when 'struct' then value.transform_values { |member| made(member) }
  else value
  end
end

def told(value)
  case value
  when Integer then { int: value }
  when Float then { double: value }
  when true, false then { boolean: value }
  when nil then { nil: nil }
  when Array then { array: value.map { |item| told(item) } }
  when Hash then { struct: value.transform_values { |member| told(member) } }
  when XMLRPC::DateTime then { dateTime: format('%04d%02d%02dT%02d:%02d:%02d', *value.to_a) }
  else { string: value.dup.force_encoding('UTF-8').scrub }
  end
end

def outcome(client, step)
  { result: told(client.call(step['method'], *step['params'].map { |value| made(value) })) }
rescue XMLRPC::FaultException => fault
  { fault: { code: fault.faultCode, string: fault.faultString } }
rescue StandardError => error
  { error: error.message }
end

client = XMLRPC::Client.new2(ARGV[0])
$stdin.each_line { |line| puts JSON.generate(outcome(client, JSON.parse(line))) }
