#!/usr/bin/perl
# Perl's RPC::XML as a peer: see ../peers.py for what a peer reads and writes.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use RPC::XML;
use RPC::XML::Client;

$RPC::XML::ENCODING = 'utf-8';    # it is us-ascii otherwise, and the strings are characters
$RPC::XML::ALLOW_NIL = 1;
binmode STDOUT, ':raw';
$| = 1;

my %made_by = (
    int => sub { RPC::XML::int->new($_[0]) },
    i8 => sub { RPC::XML::i8->new($_[0]) },
    double => sub { RPC::XML::double->new($_[0]) },
    boolean => sub { RPC::XML::boolean->new($_[0] ? 1 : 0) },
    string => sub { RPC::XML::string->new($_[0]) },
    dateTime => sub { RPC::XML::datetime_iso8601->new($_[0]) },
    base64 => sub { RPC::XML::base64->new(decode_base64($_[0])) },
    nil => sub { RPC::XML::nil->new },
    array => sub { RPC::XML::array->new(map { made($_) } @{ $_[0] }) },
    struct => sub {
        my $members = shift;
        RPC::XML::struct->new(map { $_ => made($members->{$_}) } keys %$members);
    },
);

sub made {
    my ($type, $value) = %{ $_[0] };
    return $made_by{$type}->($value);
}

# The name of a value's class ends in that of its type.
sub told {
    my $value = shift;
    my $type = ref($value) =~ s/.*:://r;
    return { array => [map { told($_) } @$value] } if $type eq 'array';
    return { struct => { map { $_ => told($value->{$_}) } keys %$value } } if $type eq 'struct';
    return { nil => undef } if $type eq 'nil';
    return { boolean => $value->value ? JSON::PP::true : JSON::PP::false } if $type eq 'boolean';
    return { base64 => encode_base64($value->value, '') } if $type eq 'base64';
    return { dateTime => $value->value } if $type eq 'datetime_iso8601';
    return { string => '' . $value->value } if $type eq 'string';
    return { ($type eq 'i4' ? 'int' : $type) => $value->value + 0 };
}

sub outcome {
    my ($client, $step) = @_;
    my $answer = $client->send_request($step->{method}, map { made($_) } @{ $step->{params} });
    return { error => $answer } unless ref $answer;
    return { fault => { code => $answer->code + 0, string => $answer->string } }
        if $answer->is_fault;
    return { result => told($answer) };
}

my $client = RPC::XML::Client->new($ARGV[0]);
while (my $line = <STDIN>) {
    my $outcome = eval { outcome($client, decode_json($line)) } // { error => "$@" };
    print encode_json($outcome), "\n";
}
