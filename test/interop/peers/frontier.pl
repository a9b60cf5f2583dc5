#!/usr/bin/perl
# Perl's Frontier::Client as a peer: see ../peers.py for what a peer reads and writes.
use strict;
use warnings;
use JSON::PP;
use Encode;
use Frontier::Client;
use MIME::Base64;

binmode STDOUT, ':raw';
$| = 1;

# Strings are bytes to it. Values come with their types, but for doubles; a fault then does not tell
# its code, and is asked for again.
my @options = (url => $ARGV[0], encoding => 'UTF-8');
my $client = Frontier::Client->new(@options, use_objects => 1);
my $untyped = Frontier::Client->new(@options);
my %made_by = (
    int => sub { $client->int($_[0]) },
    i8 => sub { $client->int($_[0]) },
    nil => sub { undef },
    double => sub { $_[0] < 0 ? $_[0] : $client->double($_[0]) },    # double() refuses a "-"
    boolean => sub { $client->boolean($_[0] ? 1 : 0) },
    string => sub { $client->string(encode_utf8($_[0])) },
    dateTime => sub { $client->date_time($_[0]) },
    base64 => sub { $client->base64($_[0]) },
    array => sub { [map { made($_) } @{ $_[0] }] },
    struct => sub {
        my $members = shift;
        return { map { $_ => made($members->{$_}) } keys %$members };
    },
);

sub made {
    my ($type, $value) = %{ $_[0] };
    return $made_by{$type}->($value);
}

sub told {
    my $value = shift;
    my $class = ref($value) =~ s/^Frontier::RPC2:://r;
    return { array => [map { told($_) } @$value] } if $class eq 'ARRAY';
    return { struct => { map { $_ => told($value->{$_}) } keys %$value } } if $class eq 'HASH';
    return { boolean => $value->value ? JSON::PP::true : JSON::PP::false }
        if $class eq 'Boolean';
    return { base64 => $value->value =~ s/\s//gr } if $class eq 'Base64';
    return { dateTime => $value->value } if $class =~ /^DateTime/;
    return { double => $value + 0 } unless $class;
    return { string => $value->value } if $class eq 'String';
    return { int => $value->value + 0 };
}

sub outcome {
    my $step = shift;
    my @call = ($step->{method}, map { made($_) } @{ $step->{params} });
    my $result = eval { $client->call(@call) };
    return { result => told($result) } unless $@;
    eval { $untyped->call(@call) };
    return { fault => { code => $1 + 0, string => $2 } } if $@ =~ /fault code (-?\d+): (.*)/s;
    return { error => "$@" };
}

while (my $line = <STDIN>) {
    print encode_json(eval { outcome(decode_json($line)) } // { error => "$@" }), "\n";
}
