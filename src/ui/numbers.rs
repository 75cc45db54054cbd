//! Formats numbers for the screen.

use super::theme::Theme;

/// A number with a true minus sign.
#[must_use]
pub fn minus(number: &str) -> String {
    number.replace('-', "−")
}

/// A fraction as percent, with one decimal: `95.4%`.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{:.1}%", 100.0 * fraction)
}

/// A fraction as percent, with two decimals: `95.42%`.
#[must_use]
pub fn percent_2(fraction: f64) -> String {
    format!("{:.2}%", 100.0 * fraction)
}

/// A ratio as percent; a dash if the total is 0.
#[must_use]
pub fn percent_of(part: u32, whole: u32) -> String {
    if whole == 0 { "–".into() } else { percent(f64::from(part) / f64::from(whole)) }
}

/// A number in at most six characters.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".into()
    } else if !(1e-3..1e4).contains(&size) {
        minus(&format!("{value:.0e}"))
    } else {
        // Three significant digits, but at most four decimals.
        let decimals = (2.0 - size.log10().floor()).clamp(0.0, 4.0) as usize;
        minus(&format!("{value:.decimals$}"))
    }
}

/// A number with its sign, in at most seven characters.
#[must_use]
pub fn signed(value: f32) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{}", short(f64::from(value.abs())))
}

/// Two decimals, without a sign if the result is zero.
#[must_use]
pub fn decimals_2(value: f64) -> String {
    let hundredths = (100.0 * value).round();
    let sign = if hundredths < 0.0 { "−" } else { "" };
    format!("{sign}{:.2}", hundredths.abs() / 100.0)
}

/// The shortest exact decimal with at most five decimals; abbreviated from 100,000 on.
#[must_use]
pub fn exact(value: f64) -> String {
    if value.abs() >= 1e5 {
        return short(value);
    }
    let is_whole = |x: f64| (x - x.round()).abs() < 1e-9;
    let places = (0..5).find(|&n| is_whole(value * 10_f64.powi(n))).unwrap_or(5) as usize;
    let text = format!("{value:.places$}");
    if text == "-0" { "0".into() } else { minus(&text) }
}

/// A whole number with thousands separators.
#[must_use]
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A duration in words.
#[must_use]
pub fn duration(seconds: f64, theme: &Theme) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..=59 => theme.fill("{} s", &[&whole]),
        60..=3599 => theme.fill("{} min {} s", &[&(whole / 60), &format!("{:02}", whole % 60)]),
        _ => theme.fill("{} h {} min", &[&(whole / 3600), &format!("{:02}", whole / 60 % 60)]),
    }
}

/// Seconds, with one decimal below ten.
#[must_use]
pub fn seconds(seconds: f64, theme: &Theme) -> String {
    let places = usize::from(seconds < 10.0);
    theme.fill("{} s", &[&format!("{seconds:.places$}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_abbreviated() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (1.5, "1.50"),
            (31.25, "31.2"),
            (1234.0, "1234"),
            (1e-9, "1e−9"),
            (-2.5, "−2.50"),
            (2.5e7, "2e7"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn percentages_and_signs() {
        assert_eq!(percent(0.9542), "95.4%");
        assert_eq!(percent_of(1, 3), "33.3%");
        assert_eq!(percent_of(0, 0), "–");
        assert_eq!([signed(-0.5), signed(2.0)], ["−0.500", "+2.00"]);
        assert_eq!([decimals_2(-0.001), decimals_2(-1.5)], ["0.00", "−1.50"]);
        assert_eq!([exact(0.3), exact(-2.0), exact(0.0)], ["0.3", "−2", "0"]);
    }

    #[test]
    fn durations_and_counts_are_formatted() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(42.0), "42");
        let theme = Theme::default();
        assert_eq!(duration(59.2, &theme), "59 s");
        assert_eq!(duration(61.0, &theme), "1 min 01 s");
        assert_eq!(duration(3720.0, &theme), "1 h 02 min");
    }
}
