//! Reads SQLite databases row by row, including the write-ahead log. Unlike SQLite, it never
//! writes, locks or creates a file beside the database.

mod log;
mod row;
mod schema;

pub use row::{SqliteRow, SqliteValue};

use schema::SqliteTable;
use std::collections::HashMap;

/// A database in memory.
#[derive(Debug)]
pub struct Database {
    bytes: Vec<u8>,
    page_size: usize,
    /// Usable bytes per page.
    usable: usize,
    /// Newer versions of pages from the write-ahead log.
    newer: HashMap<u32, Vec<u8>>,
    tables: Vec<SqliteTable>,
}

/// The first bytes of a database.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Maximum depth of a tree; more is damage.
const DEEPEST: usize = 32;
/// Maximum length of a payload in bytes; more is damage.
const LONGEST_PAYLOAD: usize = 64 << 20;

impl Database {
    /// Opens a database with its write-ahead log, if any.
    ///
    /// # Errors
    /// If the bytes are not a database that can be read; the message says why.
    pub fn new(bytes: Vec<u8>, log: Option<&[u8]>) -> Result<Self, String> {
        if bytes.len() < 100 || !bytes.starts_with(MAGIC) {
            return Err("it is not an SQLite database".to_owned());
        }
        let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65_536,
            size => usize::from(size),
        };
        if !page_size.is_power_of_two() || page_size < 512 {
            return Err(format!("a page size of {page_size} bytes is not possible"));
        }
        if bytes[56..60] != [0, 0, 0, 1] && bytes[56..60] != [0, 0, 0, 0] {
            return Err("its text is UTF-16, which is not supported".to_owned());
        }
        let usable = page_size.saturating_sub(usize::from(bytes[20]));
        if usable < 480 {
            return Err("its pages have no usable bytes".to_owned());
        }
        let newer = log.map_or_else(HashMap::new, |log| log::pages(log, page_size));
        let mut database = Self { bytes, page_size, usable, newer, tables: Vec::new() };
        database.tables = database.read_schema()?;
        Ok(database)
    }

    fn read_schema(&self) -> Result<Vec<SqliteTable>, String> {
        let mut tables = Vec::new();
        self.scan(1, &mut |_, record| {
            let cells = row::cells(record);
            let text = |index: usize| cells.get(index).and_then(SqliteValue::text);
            if text(0).as_deref() == Some("table")
                && let (Some(name), Some(SqliteValue::Int(root)), Some(sql)) =
                    (text(1), cells.get(3), text(4))
            {
                tables.push(SqliteTable::new(&name, *root as u32, &sql));
            }
        })?;
        Ok(tables)
    }

    /// Whether there is a table with this name.
    #[must_use]
    pub fn has(&self, table: &str) -> bool {
        self.tables.iter().any(|known| known.name == table)
    }

    /// Calls `visit` with each row of a table, in order of row ids. A missing table has no rows.
    ///
    /// # Errors
    /// If the database is damaged; the rows before the damage were visited.
    pub fn rows(&self, table: &str, visit: &mut dyn FnMut(&SqliteRow<'_>)) -> Result<(), String> {
        let Some(table) = self.tables.iter().find(|known| known.name == table) else {
            return Ok(());
        };
        if table.without_rowid {
            return Err(format!("the table {} has no row ids, which is not supported", table.name));
        }
        self.scan(table.root, &mut |id, record| {
            visit(&SqliteRow::new(&table.columns, table.id_column, id, row::cells(record)));
        })
    }

    fn page(&self, number: u32) -> Result<&[u8], String> {
        if let Some(page) = self.newer.get(&number) {
            return Ok(page);
        }
        let start =
            (number as usize).checked_sub(1).and_then(|index| index.checked_mul(self.page_size));
        start
            .and_then(|start| self.bytes.get(start..start + self.page_size))
            .ok_or_else(|| format!("page {number} is missing"))
    }

    /// Visits every record of a table's tree: its row id and bytes.
    fn scan(&self, root: u32, visit: &mut dyn FnMut(i64, &[u8])) -> Result<(), String> {
        // Pages to visit, the next one last, with their depths.
        let mut stack = vec![(root, 0)];
        let mut visited = 0_usize;
        while let Some((number, depth)) = stack.pop() {
            visited += 1;
            if depth > DEEPEST || visited > self.bytes.len() / self.page_size + self.newer.len() + 1
            {
                return Err("its tree of pages has a cycle or is too deep".to_owned());
            }
            let page = self.page(number)?;
            let start = if number == 1 { 100 } else { 0 };
            let two = |at: usize| {
                page.get(at..at + 2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])))
            };
            let four = |at: usize| {
                page.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
            };
            let count = two(start + 3);
            match page.get(start) {
                Some(0x05) => {
                    stack.push((four(start + 8), depth + 1));
                    let children = (0..count).rev().map(|index| four(two(start + 12 + 2 * index)));
                    stack.extend(children.map(|child| (child, depth + 1)));
                }
                Some(0x0d) => {
                    for index in 0..count {
                        let cell = page.get(two(start + 8 + 2 * index)..).unwrap_or_default();
                        let (id, record) = self.record(cell)?;
                        visit(id, &record);
                    }
                }
                _ => return Err(format!("page {number} is not part of a table")),
            }
        }
        Ok(())
    }

    /// The row id and the complete payload of a cell, including overflow pages.
    fn record<'a>(
        &'a self,
        mut cell: &'a [u8],
    ) -> Result<(i64, std::borrow::Cow<'a, [u8]>), String> {
        let damaged = || "a row is damaged".to_owned();
        let length = row::varint(&mut cell).ok_or_else(damaged)? as usize;
        let id = row::varint(&mut cell).ok_or_else(damaged)?.cast_signed();
        if length > LONGEST_PAYLOAD {
            return Err(damaged());
        }
        let most = self.usable - 35;
        if length <= most {
            return cell.get(..length).map(|bytes| (id, bytes.into())).ok_or_else(damaged);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let kept = least + (length - least) % (self.usable - 4);
        let local = if kept <= most { kept } else { least };
        let mut payload = cell.get(..local).ok_or_else(damaged)?.to_vec();
        let mut next = cell.get(local..local + 4).ok_or_else(damaged)?;
        while payload.len() < length {
            let number = u32::from_be_bytes([next[0], next[1], next[2], next[3]]);
            let page = self.page(number)?;
            let part = (length - payload.len()).min(self.usable - 4);
            payload.extend(&page[4..4 + part]);
            next = &page[..4];
        }
        Ok((id, payload.into()))
    }
}
