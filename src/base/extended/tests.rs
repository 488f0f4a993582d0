//! Sums that Valkey 9.1.2 printed on x86-64, and texts that it refused.

use super::Extended;

fn add(left: &str, right: &str) -> Option<String> {
    let left = Extended::parse(left.as_bytes())?;
    Some(left.checked_add(Extended::parse(right.as_bytes())?)?.format())
}

#[test]
fn sums_are_those_of_the_x87() {
    for (left, right, want) in [
        ("1", "0.1", "1.1"),
        ("10.50", "0.1", "10.6"),
        ("0", "-0", "0"),
        ("0", "-0.000000000000000001", "0"),
        ("5.0e3", "200", "5200"),
        ("0.1", "0.2", "0.3"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("9223372036854775808", "0.5", "9223372036854775808"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("+25e-20", "610.55", "610.54999999999999999"),
        ("-782", "+1152921504606846976", "1152921504606846194"),
        ("+3979315674e13", "15e-20", "39793156740000000000000"),
        ("-679.84", "-125e-15", "-679.84000000000012504"),
        (
            "4503599627370497.5",
            "162259276829213363391578010288128",
            "162259276829213367895177637658624",
        ),
        (
            "-840110.0434192541224824475771046563",
            "4.966172754e-400",
            "-840110.04341925412245473",
        ),
        ("0x10", "0x1p-3", "16.125"),
        ("0X.8", "0x1.8p1", "3.5"),
        ("1e-4950", "2", "2"),
        ("1e4932", "-1e4932", "0"),
    ] {
        assert_eq!(add(left, right).as_deref(), Some(want), "{left} + {right}");
    }
    assert_eq!(add("1e400", "0").map(|text| text.len()), Some(401));
    assert_eq!(add("1e4932", "1e4932"), None);
    assert_eq!(add("1", "inf"), None);
    assert_eq!(Extended::from(i64::MIN).format(), "-9223372036854775808");
}

#[test]
fn what_strtold_leaves_over_is_no_number() {
    for text in [
        "",
        " 1",
        "1 ",
        "abc",
        "nan",
        "nan(abc)",
        "--1",
        "+-1",
        "1e",
        "1e+",
        "0x",
        "0x.p1",
        "0x1p",
        "1_0",
        ".",
        "1.2.3",
        "1e5000",
        "1e-5000",
        "1e99999999999",
        "1\0",
    ] {
        assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
    }
    assert!(Extended::parse(b"-Infinity").is_some());
    assert!(Extended::parse("1".repeat(5119).as_bytes()).is_none());
    assert!(Extended::parse("0".repeat(5119).as_bytes()).is_some());
    assert!(Extended::parse("0".repeat(5120).as_bytes()).is_none());
}
