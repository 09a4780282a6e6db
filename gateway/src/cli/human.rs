//! How are figures written for people?

use std::time::Duration;

/// `1,234,567`.
#[must_use]
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `1.2 GiB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 1_024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1_024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        if scaled < 1_023.95 {
            break;
        }
        scaled /= 1_024.0;
        unit = larger;
    }
    format!("{scaled:.1} {unit}")
}

/// `0.31 s`, `3.1 s`, `4 min 5 s`.
#[must_use]
pub fn duration(value: Duration) -> String {
    let seconds = value.as_secs_f64();
    match value.as_secs() {
        0 => format!("{seconds:.2} s"),
        1..60 => format!("{seconds:.1} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// `1 row`, `2 rows`.
#[must_use]
pub fn count(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(value), if value == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(
            [0, 999, 1_000, 12_345, 1_234_567].map(number),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
        assert_eq!(
            [0, 1_023, 1_024, 1_048_575, 1_288_490_189, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.2 GiB", "16.0 EiB"]
        );
        assert_eq!(
            [314, 3_141, 245_000].map(|ms| duration(Duration::from_millis(ms))),
            ["0.31 s", "3.1 s", "4 min 5 s"]
        );
        assert_eq!([0, 1, 2].map(|rows| count(rows, "row")), ["0 rows", "1 row", "2 rows"]);
    }
}
