//! Parses the numbers found in logs.

/// Parses a number: digits with a decimal point and exponent, `nan`, `inf`, `Infinity`, in any case
/// and with an optional sign, surrounded only by blanks.
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_start_matches(['+', '-']);
    if text.len() - digits.len() > 1 {
        return None;
    }
    let first = *digits.as_bytes().first()?;
    if !(first.is_ascii_digit() || first == b'.') {
        let named = ["nan", "inf", "infinity"].iter().any(|name| digits.eq_ignore_ascii_case(name));
        if !named {
            return None;
        }
    }
    text.parse().ok()
}

/// As [`parse`], also with a decimal comma.
#[must_use]
pub fn parse_with_comma(text: &str) -> Option<f64> {
    let mut commas = text.match_indices(',');
    match (commas.next(), commas.next()) {
        (Some(_), None) if !text.contains('.') => parse(&text.replacen(',', ".", 1)),
        _ => parse(text),
    }
}

/// Rounds a number down to a step, if it fits into an `i64`.
#[must_use]
pub fn to_step(number: f64) -> Option<i64> {
    let fits = number.is_finite() && number.abs() < 9.2e18;
    fits.then_some(number.floor() as i64)
}

/// Converts `2026-11-20T08:00:00.25+00:00` and similar forms to seconds since 1970 (UTC): with `T`
/// or a blank between date and time, `.` or `,` before the fraction, and an offset, `Z` or nothing
/// (meaning UTC).
#[must_use]
pub fn timestamp(text: &str) -> Option<f64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    if bytes.len() < 19 || !matches!(bytes[10], b'T' | b' ') || !text.is_ascii() {
        return None;
    }
    let separators = bytes[4] == b'-' && bytes[7] == b'-' && bytes[13] == b':' && bytes[16] == b':';
    if !separators {
        return None;
    }
    let field = |range: std::ops::Range<usize>| text[range].parse::<i64>().ok();
    let (year, month, day) = (field(0..4)?, field(5..7)?, field(8..10)?);
    let (hour, minute, second) = (field(11..13)?, field(14..16)?, field(17..19)?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &text[19..];
    let mut fraction = 0.0;
    if rest.starts_with(['.', ',']) {
        let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        fraction = format!("0.{}", &rest[1..=digits]).parse().unwrap_or(0.0);
        rest = &rest[1 + digits..];
    }
    let offset = match rest.as_bytes() {
        [sign @ (b'+' | b'-'), digits @ ..] if digits.len() >= 4 => {
            let plain: String = rest[1..].chars().filter(char::is_ascii_digit).collect();
            let (hours, minutes) = (plain.get(0..2)?, plain.get(2..4)?);
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => 0,
    };
    let days = days_since_1970(year, month, day);
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) as f64 + fraction)
}

/// Days from 1970-01-01 to a Gregorian date.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_logs_are_parsed_and_words_are_not() {
        assert_eq!(parse(" 2.5e-3 "), Some(0.0025));
        assert_eq!(parse("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(parse("NaN").is_some_and(f64::is_nan));
        assert_eq!(parse(".5"), Some(0.5));
        for word in ["", "na", "info", "1.2s", "--1", "1,5", "0x10", "e5", "NA"] {
            assert_eq!(parse(word), None, "{word}");
        }
        assert_eq!(parse_with_comma("2,2976"), Some(2.2976));
        assert_eq!(parse_with_comma("1,000,000"), None);
    }

    #[test]
    fn timestamps_with_and_without_an_offset_are_seconds_since_1970() {
        assert_eq!(timestamp("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(timestamp("2026-11-20T08:00:00+00:00"), Some(1_795_161_600.0));
        assert_eq!(timestamp("2026-11-20 09:00:00,250+01:00"), Some(1_795_161_600.25));
        assert_eq!(timestamp("2026-11-20"), None);
        assert_eq!(timestamp("2026-13-20T08:00:00"), None);
    }
}
