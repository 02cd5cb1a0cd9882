# The files in which workers note how tokens are used: usage.map of a store, and its buffer in memory.
package Tokengate::UsageMap;

use v5.36;

my (%seen, $owner);

# What slot 0 of either says.
sub header ($path) {
    open my $file, '<:raw', $path or return {store_id => '', file_id => 0};
    # Another test may just be making it.
    my $bytes = read $file, my $header, 64;
    my ($store_id, $file_id) = ($bytes // 0) == 64 ? unpack('x16 a16 Q', $header) : ();
    return {store_id => $store_id // '', file_id => $file_id // 0};
}

# Where workers note uses before they are brought to the usage.map of `store`.
sub buffer ($store) {
    my $map = "$store/usage.map";
    return sprintf '/dev/shm/tokengate-%016x-%x', header($map)->{file_id}, (stat $map)[1];
}

# Has the buffers of that store, and of what it may become, removed at the test's end: servers that were killed leave
# them behind, and Apache always does.
sub remember ($store) {
    $owner //= $$;
    my $id = header("$store/usage.map")->{store_id};
    $seen{$id} = 1 if length $id;
    return;
}

END { unlink grep { $seen{header($_)->{store_id}} } glob '/dev/shm/tokengate-*' if defined $owner && $owner == $$ }

1;
