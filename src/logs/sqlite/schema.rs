//! The columns of a table, parsed from its CREATE TABLE statement.

/// A table.
#[derive(Debug, PartialEq)]
pub struct SqliteTable {
    pub name: String,
    /// The root page of its tree.
    pub root: u32,
    pub columns: Vec<String>,
    /// The column that is an alias of the row id.
    pub id_column: Option<usize>,
    pub without_rowid: bool,
}

impl SqliteTable {
    pub fn new(name: &str, root: u32, sql: &str) -> Self {
        let mut table = Self {
            name: name.to_owned(),
            root,
            columns: Vec::new(),
            id_column: None,
            without_rowid: false,
        };
        let Some(start) = sql.find('(') else { return table };
        let (definitions, end) = definitions(&sql[start + 1..]);
        let options = sql[start + 1 + end..].to_ascii_uppercase();
        table.without_rowid = options.contains("WITHOUT ROWID");
        for definition in definitions {
            let Some((name, quoted)) = name_of(definition) else { continue };
            let upper = definition.to_ascii_uppercase();
            let constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
            if !quoted && constraint.iter().any(|word| name.eq_ignore_ascii_case(word)) {
                continue;
            }
            let kind = upper[name.len().min(upper.len())..]
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            if kind.contains("INTEGER PRIMARY KEY") {
                table.id_column = Some(table.columns.len());
            }
            table.columns.push(name);
        }
        // `id INTEGER …, PRIMARY KEY (id)` is also an alias of the row id.
        if let Some(column) = single_primary_key(&sql[start + 1..]) {
            let index = table.columns.iter().position(|name| name.eq_ignore_ascii_case(&column));
            let is_integer = index.is_some_and(|index| {
                self::definitions(&sql[start + 1..]).0.get(index).is_some_and(|definition| {
                    definition
                        .split_whitespace()
                        .nth(1)
                        .is_some_and(|kind| kind.eq_ignore_ascii_case("INTEGER"))
                })
            });
            if is_integer {
                table.id_column = index;
            }
        }
        table
    }
}

/// Splits at commas up to the closing parenthesis; also returns its position.
fn definitions(text: &str) -> (Vec<&str>, usize) {
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut found = Vec::new();
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(character),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => {
                found.push(text[start..at].trim());
                return (found, at);
            }
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(text[start..].trim());
    (found, text.len())
}

/// The first word of a definition, unquoted, and whether it was quoted.
fn name_of(definition: &str) -> Option<(String, bool)> {
    let first = definition.chars().next()?;
    let close = match first {
        '"' | '\'' | '`' => first,
        '[' => ']',
        _ => {
            let word = definition.split(|c: char| c.is_whitespace() || c == '(').next()?;
            return Some((word.to_owned(), false));
        }
    };
    let end = definition[1..].find(close)?;
    Some((definition[1..=end].to_owned(), true))
}

/// The column of `PRIMARY KEY (column)`, if it is a single one.
fn single_primary_key(text: &str) -> Option<String> {
    let (definitions, _) = definitions(text);
    let key = definitions.iter().find_map(|definition| {
        let upper = definition.to_ascii_uppercase();
        let at = upper.find("PRIMARY KEY")?;
        let is_constraint = upper.starts_with("PRIMARY") || upper.starts_with("CONSTRAINT");
        is_constraint.then(|| definition[at + "PRIMARY KEY".len()..].trim())
    })?;
    let inside = key.strip_prefix('(')?.split(')').next()?;
    (!inside.contains(',')).then(|| name_of(inside.trim()).map(|(name, _)| name))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_parsed_and_constraints_are_not() {
        let sql = "CREATE TABLE \"m\" (id INTEGER PRIMARY KEY AUTOINCREMENT, \"a b\" VARCHAR(5) \
                   DEFAULT 'x,(', step BIGINT NOT NULL, CONSTRAINT c CHECK (a IN (0, 1)), \
                   PRIMARY KEY (id, step), extra TEXT)";
        let table = SqliteTable::new("m", 4, sql);
        assert_eq!(table.columns, ["id", "a b", "step", "extra"]);
        assert_eq!((table.id_column, table.without_rowid), (Some(0), false));
        let table = SqliteTable::new(
            "t",
            2,
            "CREATE TABLE t (\n\tk INTEGER NOT NULL, \n\tv FLOAT, PRIMARY KEY (k)\n)",
        );
        assert_eq!((table.columns.len(), table.id_column), (2, Some(0)));
        assert!(
            SqliteTable::new("t", 2, "CREATE TABLE t (a, PRIMARY KEY (a)) WITHOUT ROWID")
                .without_rowid
        );
    }
}
