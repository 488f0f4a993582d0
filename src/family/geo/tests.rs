//! The geo commands against replies and events of Valkey 9.1.2.

use crate::family::testing::check_script;

#[test]
fn points_are_added_and_measured() {
    check_script(
        "
        geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania => :2| ! zadd g
        zrange g 0 -1 withscores       => *4|$7|Palermo|$16|3479099956230698|$7|Catania|$16|3479447370796909|
        geodist g Palermo Catania      => $11|166274.1516|
        geodist g Palermo Catania km   => $8|166.2742|
        geodist g Palermo Catania MI   => $8|103.3182|
        geodist g Palermo Catania ft   => $11|545518.8700|
        geodist g Palermo Catania xx   => -ERR unsupported unit provided. please use M, KM, FT, MI|
        geodist g Palermo Palermo      => $6|0.0000|
        geodist g Palermo none         => $-1|
        geodist none a b               => $-1|
        geodist none a b xx            => -ERR unsupported unit provided. please use M, KM, FT, MI|
        geodist g a b c d              => -ERR syntax error|
        geohash g Palermo Catania none => *3|$11|sqc8b49rny0|$11|sqdtr74hyu0|$-1|
        geohash g                      => *0|
        geohash none a                 => *1|$-1|
        geopos g Palermo none          => *2|*2|$20|13.36138933897018433|$20|38.11555639549629859|*-1|
        geopos none a b                => *2|*-1|*-1|
        geopos g                       => *0|
        geoadd g nx 1 2 Palermo        => :0|
        geoadd g xx ch 1 2 Palermo     => :1| ! zadd g
        geoadd g nx xx 1 2 a           => -ERR syntax error|
        geoadd g ch 1 2                => -ERR syntax error|
        geoadd g ch 1 2 a 3            => -ERR syntax error|
        geoadd g 181 2 a               => -ERR invalid longitude,latitude pair 181.000000,2.000000|
        geoadd g 1 86 a                => -ERR invalid longitude,latitude pair 1.000000,86.000000|
        geoadd g x 2 a                 => -ERR value is not a valid float|
        geoadd g 1 x a                 => -ERR value is not a valid float|
        geoadd g 1 nan a               => -ERR value is not a valid float|
        geoadd g 1 inf a               => -ERR invalid longitude,latitude pair 1.000000,inf|
        geoadd g nx ch 1 2             => -ERR syntax error|
        geoadd g foo 1 2 a             => -ERR syntax error|
        geoadd g ch                    => -ERR wrong number of arguments for 'geoadd' command|
        ",
    );
}

#[test]
fn points_are_found_around_others() {
    check_script(
        "
        geoadd g 1 2 Palermo 15.087269 37.502669 Catania => :2| ! zadd g
        georadius g 15 37 200 km                     => *1|$7|Catania|
        georadius g 15 37 200 km withdist            => *1|*2|$7|Catania|$7|56.4413|
        georadius g 15 37 200 km withcoord           => *1|*2|$7|Catania|*2|$20|15.08726745843887329|$20|37.50266842333162032|
        georadius g 15 37 200 km withhash withcoord withdist asc => *1|*4|$7|Catania|$7|56.4413|:3479447370796909|*2|$20|15.08726745843887329|$20|37.50266842333162032|
        georadius g 15 37 200 km count 1             => *1|$7|Catania|
        georadius g 15 37 200 km count 0             => -ERR COUNT must be > 0|
        georadius g 15 37 200 km count x             => -ERR value is not an integer or out of range|
        georadius g 15 37 200 km any                 => -ERR the ANY argument requires COUNT argument|
        georadius g 15 37 200 km count 1 any         => *1|$7|Catania|
        georadius g 15 37 200 km any count 1         => *1|$7|Catania|
        georadius g 15 37 -1 km                      => -ERR radius cannot be negative|
        georadius g 15 37 x km                       => -ERR need numeric radius|
        georadius g 15 37 1 xx                       => -ERR unsupported unit provided. please use M, KM, FT, MI|
        georadius g 190 37 1 km                      => -ERR invalid longitude,latitude pair 190.000000,37.000000|
        georadius g x 37 1 km                        => -ERR value is not a valid float|
        georadius g 15 37 200 km store d             => :1| ! georadiusstore d
        georadius g 15 37 200 km storedist d         => :1| ! georadiusstore d
        georadius g 15 37 200 km store d withdist    => -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options|
        georadius g 15 37 200 km store d store e     => :1| ! georadiusstore e
        georadius g 15 37 200 km store d storedist e => :1| ! georadiusstore e
        georadius none 15 37 200 km                  => *0|
        georadius none 15 37 200 km store d          => :0| ! del d
        exists d                                     => :0|
        georadius none 15 37 200 xx                  => -ERR unsupported unit provided. please use M, KM, FT, MI|
        georadius g 15 37 0 m store d                => :0|
        georadius_ro g 15 37 200 km store d          => -ERR syntax error|
        georadius_ro g 15 37 200 km                  => *1|$7|Catania|
        georadius g 15 37 200 km nope                => -ERR syntax error|
        georadius g 15 37 200 km store               => -ERR syntax error|
        georadius g 15 37 200 km fromlonlat 1 1      => -ERR syntax error|
        georadius g 15 37 200 km byradius 1 m        => -ERR syntax error|
        georadiusbymember g Palermo 200 km           => *1|$7|Palermo|
        georadiusbymember g Catania 200 km withdist  => *1|*2|$7|Catania|$6|0.0000|
        georadiusbymember g none 200 km              => -ERR member none does not exist|
        georadiusbymember none none 200 km           => *0|
        georadiusbymember none none 200 xx           => *0|
        georadiusbymember_ro g Catania 200 km        => *1|$7|Catania|
        ",
    );
}

#[test]
fn points_are_searched_and_stored() {
    check_script(
        "
        geoadd g 1 2 Palermo 15.087269 37.502669 Catania => :2| ! zadd g
        geosearch g fromlonlat 15 37 byradius 200 km => *1|$7|Catania|
        geosearch g fromlonlat 15 37 byradius 200 km desc withdist => *1|*2|$7|Catania|$7|56.4413|
        geosearch g frommember Catania bybox 400 400 km asc withdist => *1|*2|$7|Catania|$6|0.0000|
        geosearch g frommember Catania bybox 400 400 km asc withdist withcoord withhash => *1|*4|$7|Catania|$6|0.0000|:3479447370796909|*2|$20|15.08726745843887329|$20|37.50266842333162032|
        geosearch g frommember Catania               => -ERR wrong number of arguments for 'geosearch' command|
        geosearch g byradius 1 km                    => -ERR wrong number of arguments for 'geosearch' command|
        geosearch g frommember Catania byradius 1 km bybox 1 1 km => -ERR syntax error|
        geosearch g frommember Catania fromlonlat 1 1 byradius 1 km => -ERR syntax error|
        geosearch g frommember Catania byradius 1 km store d => -ERR syntax error|
        geosearch g frommember Catania byradius 1 km storedist => -ERR syntax error|
        geosearch g frommember none byradius 1 km    => -ERR member none does not exist|
        geosearch none frommember none byradius 1 km => *0|
        geosearch none frommember none byradius 1 xx => -ERR unsupported unit provided. please use M, KM, FT, MI|
        geosearch g frommember Catania byradius 1 km any => -ERR the ANY argument requires COUNT argument|
        geosearch g frommember Catania byradius -1 km => -ERR radius cannot be negative|
        geosearch g frommember Catania bybox -1 1 km => -ERR height or width cannot be negative|
        geosearch g frommember Catania bybox 1 -1 km => -ERR height or width cannot be negative|
        geosearch g frommember Catania bybox x 1 km  => -ERR need numeric width|
        geosearch g frommember Catania bybox 1 x km  => -ERR need numeric height|
        geosearch g frommember Catania bybox 1 1 xx  => -ERR unsupported unit provided. please use M, KM, FT, MI|
        geosearch g bypolygon 3 12 36 17 36 15 40    => *1|$7|Catania|
        geosearch g bypolygon 3 12 36 17 36 15 40 withdist asc => *1|*2|$7|Catania|$10|41268.9614|
        geosearch g bypolygon 3 12 36 17 36 15 40 withdist withcoord withhash desc => *1|*4|$7|Catania|$10|41268.9614|:3479447370796909|*2|$20|15.08726745843887329|$20|37.50266842333162032|
        geosearch g bypolygon 2 12 36 17 36          => -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices|
        geosearch g bypolygon 3 12 36 17 36          => -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices|
        geosearch g bypolygon x 12 36 17 36          => -ERR invalid number of vertices|
        geosearch g bypolygon 3 12 36 17 36 15 90    => -ERR invalid longitude,latitude pair 15.000000,90.000000|
        geosearch g bypolygon 3 12 36 17 36 15 x     => -ERR value is not a valid float|
        geosearch g frommember Catania bypolygon 3 12 36 17 36 15 40 => -ERR syntax error|
        geosearch g fromlonlat 1 1 bypolygon 3 12 36 17 36 15 40 => -ERR syntax error|
        geosearch g bypolygon 3 12 36 17 36 15 40 bypolygon 3 12 36 17 36 15 40 => *1|$7|Catania|
        geosearch g bypolygon 3 12 36 17 36 15 40 byradius 1 km => -ERR syntax error|
        geosearchstore d g bypolygon 3 12 36 17 36 15 40 => :1| ! geosearchstore d
        geosearchstore d g fromlonlat 15 37 byradius 200 km => :1| ! geosearchstore d
        zrange d 0 -1 withscores                     => *2|$7|Catania|$16|3479447370796909|
        geosearchstore d g fromlonlat 15 37 byradius 200 km storedist => :1| ! geosearchstore d
        zrange d 0 -1 withscores                     => *2|$7|Catania|$16|56.4412578701582|
        geosearchstore d g fromlonlat 15 37 byradius 200 km withdist => -ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options|
        geosearchstore d g fromlonlat 15 37 byradius 200 km count 1 asc => :1| ! geosearchstore d
        geosearchstore d none fromlonlat 15 37 byradius 200 km => :0| ! del d
        exists d                                     => :0|
        geosearchstore d none fromlonlat 15 37 byradius 200 xx => -ERR unsupported unit provided. please use M, KM, FT, MI|
        set s x                                      => +OK| ! set s
        geoadd s 1 2 a                               => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geopos s a                                   => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geodist s a b                                => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geohash s a                                  => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geosearch s fromlonlat 1 1 byradius 1 km     => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geosearch s fromlonlat 1 1 byradius 1 xx     => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geosearchstore d s fromlonlat 1 1 byradius 1 km => -WRONGTYPE Operation against a key holding the wrong kind of value|
        geosearchstore s g fromlonlat 15 37 byradius 200 km => :1| ! geosearchstore s
        type s                                       => +zset|
        ",
    );
}

#[test]
fn edges_of_the_grid_and_ties() {
    check_script(
        "
        geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 13.361389 38.115556 P2 13.361389 38.115556 P3 13.361389 38.115556 P4 13.361389 38.115556 P5 13.361389 38.115556 P6 13.361389 38.115556 P7 13.361389 38.115556 P8 13.361389 38.115556 P9 => :10| ! zadd g
        georadius g 15 37 200 km asc                 => *10|$7|Catania|$2|P2|$2|P3|$2|P4|$2|P5|$2|P6|$2|P7|$2|P8|$2|P9|$7|Palermo|
        georadius g 15 37 200 km desc                => *10|$2|P2|$2|P3|$2|P4|$2|P5|$2|P6|$2|P7|$2|P8|$2|P9|$7|Palermo|$7|Catania|
        georadius g 15 37 200 km asc count 3         => *3|$7|Catania|$2|P3|$2|P4|
        georadius g 15 37 200 km asc count 8         => *8|$7|Catania|$2|P3|$2|P4|$2|P5|$2|P6|$2|P2|$2|P8|$2|P9|
        georadius g 15 37 200 km desc count 3        => *3|$2|P2|$2|P3|$2|P4|
        georadius g 15 37 200 km desc count 8        => *8|$2|P2|$2|P3|$2|P4|$2|P5|$2|P6|$2|P7|$2|P8|$2|P9|
        georadius g 15 37 200 km count 4 any         => *4|$2|P2|$2|P3|$2|P4|$2|P5|
        geosearch g byradius 1 km asc asc asc        => -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch|
        geosearch g fromlonlat 1 1 asc asc asc       => -ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for geosearch|
        geosearchstore d g fromlonlat 1 1 asc asc asc => -ERR exactly one of BYRADIUS, BYBOX and BYPOLYGON can be specified for geosearchstore|
        geosearchstore d g byradius 1 km asc asc     => -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearchstore|
        geosearch none byradius 1 km any asc asc     => -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch|
        geosearch g bypolygon 3 12 36 17 36 15 40 fromlonlat 1 1 => -ERR syntax error|
        geosearch g bypolygon 3 12 36 17 36 15 40 frommember P2 => -ERR syntax error|
        geosearch g bypolygon -1 12 36 17 36 15 40   => -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices|
        geosearch g bypolygon 2147483648 12 36 17 36 15 40 => -ERR invalid number of vertices|
        geosearch g bypolygon 4 12 36 17 36 15 40    => -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices|
        geosearch g bypolygon 3 12 36 17 36 15 40 55 => -ERR syntax error|
        geosearch none bypolygon 3 12 36 17 36 15 40 => *0|
        geosearch none frommember x bypolygon 3 12 36 17 36 15 40 => -ERR syntax error|
        geoadd g nx ch nx                            => -ERR syntax error|
        zadd q -5 neg inf pinf -inf ninf 1e300 big 5e15 fif => :5| ! zadd q
        geopos q neg pinf ninf big fif               => *5|*2|$3|180|$19|85.0511287799999991|*2|$22|-179.99999731779098511|$21|-85.05112751263942528|*2|$3|180|$21|-85.05112751263942528|*2|$22|-179.99999731779098511|$21|-85.05112751263942528|*2|$22|-127.13859289884567261|$19|85.0511287799999991|
        geohash q neg pinf ninf big fif              => *5|$11|bp05b5048p0|$11|00bh0hbj200|$11|00bh0hbj200|$11|00bh0hbj200|$11|cpjefghd8p0|
        geodist q neg pinf                           => $13|18919844.5891|
        georadius q 0 0 30000 km withhash withdist   => *0|
        geoadd m 180 85.05112878 a 180 0 b -180 -85.05112878 c 0 85.05112878 d => :4| ! zadd m
        zrange m 0 -1 withscores                     => *8|$1|c|$1|0|$1|d|$16|6755399441055744|$1|b|$17|10133099161583616|$1|a|$17|13510798882111488|
        geopos m a b c d                             => *4|*2|$3|180|$19|85.0511287799999991|*2|$3|180|$19|0.00000126736058093|*2|$22|-179.99999731779098511|$21|-85.05112751263942528|*2|$19|0.00000268220901489|$19|85.0511287799999991|
        geohash m a b c d                            => *4|$11|bp05b5048p0|$11|80000000000|$11|00bh0hbj200|$11|up05b5048p0|
        georadius m 180 85.05112878 100 km withdist  => *1|*2|$1|a|$6|0.0000|
        georadius m 180 0 30000 km withdist          => *1|*2|$1|b|$6|0.0001|
        georadius m 0 0 inf km withdist              => *1|*2|$1|c|$10|10560.8118|
        ",
    );
}
