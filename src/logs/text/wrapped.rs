//! Unwraps numbers in Python's representation of library objects: `tensor(0.69, device='cuda:0')`,
//! `np.float64(0.5)`.

use std::borrow::Cow;

/// The names of such objects.
const WRAPPERS: [&str; 9] = [
    "np.float64",
    "np.float32",
    "np.float16",
    "np.int64",
    "np.int32",
    "numpy.float64",
    "numpy.float32",
    "tensor",
    "Array",
];

/// Replaces each such object in a line by its number.
#[must_use]
pub fn unwrap(line: &str) -> Cow<'_, str> {
    if !line.contains('(') || !WRAPPERS.iter().any(|name| line.contains(name)) {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('(') {
        let (front, after) = (&rest[..open], &rest[open + 1..]);
        let name = WRAPPERS.iter().find(|name| {
            let before = front.strip_suffix(**name);
            before.is_some_and(|b| !b.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        });
        let number = name.and_then(|name| {
            let close = closing(after)?;
            let number = after[..close].split(',').next()?.trim();
            number.parse::<f64>().ok()?;
            Some((name.len(), number, close))
        });
        if let Some((name, number, close)) = number {
            plain.push_str(&front[..front.len() - name]);
            plain.push_str(number);
            rest = &after[close + 1..];
        } else {
            plain.push_str(&rest[..=open]);
            rest = after;
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The position of the parenthesis that closes the one before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices().take(200) {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::unwrap;
    use proptest::prelude::*;

    #[test]
    fn objects_are_replaced_by_their_number() {
        for (line, plain) in [
            ("loss tensor(0.6931, grad_fn=<NllLossBackward0>), x", "loss 0.6931, x"),
            ("{'a': np.float64(0.5), 'b': np.float32(nan)}", "{'a': 0.5, 'b': nan}"),
            ("loss: Array(1.5, dtype=float32, weak_type=True)", "loss: 1.5"),
            ("tensor([1., 2.]) loss(3)", "tensor([1., 2.]) loss(3)"),
            ("mytensor(5) tensor(", "mytensor(5) tensor("),
        ] {
            assert_eq!(unwrap(line), plain);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_lines_do_not_panic(line in "(tensor|np.float64|[(),0-9. é]){0,20}") {
            let _ = unwrap(&line);
        }
    }
}
