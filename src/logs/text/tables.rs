//! Tables in printed text: a header of names followed by rows of numbers, as printed by fastai and
//! Ultralytics, or with dashes below it, as printed by spaCy and tabulate, and blocks of
//! `| name | value |`, as printed by Stable-Baselines.

use crate::logs::columns;
use crate::logs::number;

/// Maximum number of columns of a header, and of rows of a block.
const MAX_COLUMNS: usize = 64;
/// Maximum length of a header with dashes below it, in bytes.
const LONGEST_HEADER: usize = 4096;

/// A parsed row: its step, names and values.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    pub step: i64,
    pub values: Vec<(String, f64)>,
}

/// The current tables.
#[derive(Debug, Default)]
pub struct Tables {
    /// The names of the columns of the last header.
    header: Vec<String>,
    /// The column of the step.
    step: usize,
    /// The last line, which is a header if dashes follow.
    previous: String,
    /// The current block and its section.
    block: Option<Block>,
    blocks: i64,
}

#[derive(Debug, Default)]
struct Block {
    section: String,
    values: Vec<(String, f64)>,
}

/// How a line belongs to a table.
#[derive(Clone, Debug, PartialEq)]
pub enum TableLine {
    /// Not part of a table.
    Other,
    /// Part of a table, but not the end of a row.
    Part,
    Row(TableRow),
}

impl Tables {
    /// Processes a line.
    pub fn line(&mut self, line: &str) -> TableLine {
        if let Some((header, step)) = underlined(&self.previous, line) {
            (self.header, self.step) = (header, step);
            self.previous.clear();
            return TableLine::Part;
        }
        self.previous.clear();
        self.previous.push_str(line);
        let line = line.trim();
        if line.len() >= 10 && line.bytes().all(|byte| byte == b'-') {
            let block = self.block.replace(Block::default());
            return match block.filter(|block| !block.values.is_empty()) {
                Some(block) => TableLine::Row(self.end(block)),
                None => TableLine::Part,
            };
        }
        if let Some(block) = &mut self.block {
            if let Some(cells) = cells(line) {
                block.add(cells);
                return TableLine::Part;
            }
            // Other text ends the block.
            self.block = None;
        }
        if let Some(header) = header(line) {
            (self.header, self.step) = (header, 0);
            return TableLine::Part;
        }
        self.row(line).map_or(TableLine::Other, TableLine::Row)
    }

    /// A row below the last header: a number or other text for each column; the step must be a
    /// whole number or a fraction (`2/10`).
    pub fn row(&self, line: &str) -> Option<TableRow> {
        if self.header.is_empty() {
            return None;
        }
        let cells: Vec<&str> =
            line.split_whitespace().map(|cell| cell.trim_end_matches(':')).collect();
        let step = cells.get(self.step)?.split('/').next()?.parse().ok()?;
        if cells.len() != self.header.len() {
            return None;
        }
        let value = |cell: &str| number::parse(cell.trim_end_matches(['%', 'G']));
        let values = self.header.iter().zip(cells).enumerate();
        let values = values.filter(|(column, _)| *column != self.step);
        let values: Vec<(String, f64)> =
            values.filter_map(|(_, (name, cell))| Some((name.clone(), value(cell)?))).collect();
        (!values.is_empty()).then_some(TableRow { step, values })
    }

    fn end(&mut self, block: Block) -> TableRow {
        let ranked = block.values.iter().filter_map(|(name, value)| {
            Some((columns::step_rank(name)?, number::to_step(*value)?))
        });
        let step = ranked.min().map_or(self.blocks, |(_, step)| step);
        self.blocks += 1;
        TableRow { step, values: block.values }
    }
}

impl Block {
    fn add(&mut self, (name, value): (&str, &str)) {
        if value.is_empty() {
            name.clone_into(&mut self.section);
        } else if let Some(value) = number::parse(value).filter(|_| self.values.len() < MAX_COLUMNS)
        {
            self.values.push((format!("{}{name}", self.section), value));
        }
    }
}

/// The name and value of `| name | value |`.
fn cells(line: &str) -> Option<(&str, &str)> {
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    let (name, value) = inside.split_once('|')?;
    (!name.trim().is_empty() && !value.contains('|')).then(|| (name.trim(), value.trim()))
}

/// The names of a header: only words, the first of which is the name of a step.
fn header(line: &str) -> Option<Vec<String>> {
    let is_name = |word: &str| {
        word.starts_with(|c: char| c.is_alphabetic())
            && word.chars().all(|c| c.is_alphanumeric() || "_-./@()%".contains(c))
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let counts = words.first().is_some_and(|first| columns::step_rank(first).is_some());
    let is_header =
        counts && (3..=MAX_COLUMNS).contains(&words.len()) && words.iter().all(|w| is_name(w));
    is_header.then(|| words.into_iter().map(str::to_owned).collect())
}

/// The names of the columns of a header, and which one is the step, if the line below it consists of
/// a group of dashes for each column.
fn underlined(header: &str, dashes: &str) -> Option<(Vec<String>, usize)> {
    let is_dashes = dashes.bytes().all(|byte| matches!(byte, b'-' | b' ')) && dashes.contains("--");
    if !is_dashes || header.len() > LONGEST_HEADER || !header.is_ascii() {
        return None;
    }
    let mut names = Vec::new();
    let mut end = 0;
    for group in dashes.split_whitespace() {
        let start = end + dashes[end..].find('-')?;
        end = start + group.len();
        names.push(header.get(start..end.min(header.len()))?.trim().to_owned());
    }
    let steps = names.iter().enumerate().filter_map(|(column, name)| {
        Some((if name == "#" { 0 } else { columns::step_rank(name)? }, column))
    });
    let step = steps.min()?.1;
    let is_header = (2..=MAX_COLUMNS).contains(&names.len())
        && names.iter().all(|name| !name.is_empty() && number::parse(name).is_none());
    is_header.then_some((names, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str) -> Vec<TableRow> {
        let mut tables = Tables::default();
        let lines = text.lines().map(|line| tables.line(line));
        lines
            .filter_map(|line| if let TableLine::Row(row) = line { Some(row) } else { None })
            .collect()
    }

    #[test]
    fn rows_below_a_header_are_steps() {
        let found = rows(
            "epoch     train_loss  valid_loss  time\n0         0.9         0.6         00:10\n\
             some words between\n1         0.5         nan         00:10\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].values,
            [("train_loss".to_owned(), 0.9), ("valid_loss".to_owned(), 0.6)]
        );
        assert_eq!((found[1].step, found[1].values.len()), (1, 2));
        let found = rows("Epoch GPU_mem box_loss Size\n 1/3 0.5G 1.234 640:\n");
        assert_eq!(found[0].values[0], ("GPU_mem".to_owned(), 0.5));
        assert_eq!(
            rows("Epoch one begins now\n1 2 3 4\n").len(),
            1,
            "words are taken for column names"
        );
        assert_eq!(rows("these are words\n1 2 3\n"), []);
    }

    #[test]
    fn a_header_with_dashes_below_it_may_have_names_of_several_words() {
        let found = rows(
            "E    #       LOSS TOK2VEC  SCORE \n---  ------  ------------  ------\n\
             \x20 0     200         60.25    0.31\n  1     400         30.50    0.62\n",
        );
        assert_eq!(found.len(), 2);
        let values = [("E", 1.0), ("LOSS TOK2VEC", 30.5), ("SCORE", 0.62)];
        assert_eq!(found[1].step, 400);
        assert_eq!(found[1].values, values.map(|(name, value)| (name.to_owned(), value)));
        let found = rows("  epoch    loss\n-------  ------\n      2    0.5\n");
        assert_eq!(found, [TableRow { step: 2, values: vec![("loss".to_owned(), 0.5)] }]);
        assert_eq!(rows("some prose\n---- -----\n1 2\n"), []);
    }

    #[test]
    fn a_block_of_stable_baselines_is_a_row() {
        let found = rows(
            "-----------------\n| rollout/   |      |\n|    ep_rew  | 22.3 |\n| time/      |      |\n\
             |    total_timesteps | 2048 |\n-----------------\n",
        );
        let values =
            [("rollout/ep_rew".to_owned(), 22.3), ("time/total_timesteps".to_owned(), 2048.0)];
        assert_eq!(found, [TableRow { step: 2048, values: values.to_vec() }]);
    }

    proptest! {
        #[test]
        fn arbitrary_lines_do_not_panic(lines in proptest::collection::vec("[-|a-c0-9./ é:]{0,30}", 0..12)) {
            let mut tables = Tables { header: vec!["epoch".into(), "x".into()], ..Tables::default() };
            for line in lines {
                let _ = tables.line(&line);
            }
        }
    }
}
