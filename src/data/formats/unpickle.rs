//! Reads Python pickles without executing anything: a pickle is a program for a stack machine, and
//! instructions that would call Python functions only record the function and its arguments.

mod objects;

use super::npy::ends;
pub(super) use objects::{ObjectId, Pickle, PickleObject};
use std::collections::HashMap;
use std::io::Read;

/// Maximum number of objects of a pickle.
const MAX_OBJECTS: usize = 3_000_000;
/// Maximum size of all texts and arrays in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Maximum length of a line in protocol 0.
const MAX_LINE: usize = 1 << 20;

struct PickleMachine<R> {
    reader: R,
    objects: Vec<PickleObject>,
    stack: Vec<ObjectId>,
    marks: Vec<usize>,
    memo: HashMap<u64, ObjectId>,
    bytes: u64,
}

/// Reads a pickle of any protocol.
///
/// # Errors
/// A message if it is truncated or invalid.
pub(super) fn read(reader: impl Read) -> Result<Pickle, String> {
    let mut machine = PickleMachine {
        reader,
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        bytes: 0,
    };
    while machine.step()? {}
    let root = machine.pop()?;
    Ok(Pickle { objects: machine.objects, root })
}

impl<R: Read> PickleMachine<R> {
    /// Executes one instruction; returns whether there are more.
    #[allow(clippy::too_many_lines, reason = "one short arm per instruction")]
    fn step(&mut self) -> Result<bool, String> {
        let [code] = self.take()?;
        match code {
            b'.' => return Ok(false),
            // The protocol's version, and the length of a frame.
            0x80 => drop(self.take::<1>()?),
            0x95 => drop(self.take::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(PickleObject::None)?,
            0x88 | 0x89 => self.push(PickleObject::Bool(code == 0x88))?,
            b'I' | b'L' | b'F' => self.number_line(code)?,
            b'J' => {
                let number = i32::from_le_bytes(self.take()?);
                self.push(PickleObject::Int(number.into()))?;
            }
            b'K' => {
                let [number] = self.take()?;
                self.push(PickleObject::Int(number.into()))?;
            }
            b'M' => {
                let number = u16::from_le_bytes(self.take()?);
                self.push(PickleObject::Int(number.into()))?;
            }
            b'G' => {
                let number = f64::from_be_bytes(self.take()?);
                self.push(PickleObject::Float(number))?;
            }
            0x8a | 0x8b => {
                let length = if code == 0x8a { self.length::<1>()? } else { self.length::<4>()? };
                let bytes = self.body(length)?;
                self.push(PickleObject::Int(long(&bytes)?))?;
            }
            b'S' | b'V' => {
                let line = self.line()?;
                let text =
                    if code == b'S' { PickleObject::Bytes(unescape(&line)) } else { text(line) };
                self.push(text)?;
            }
            b'U' | b'C' => self.bytes_of::<1>()?,
            b'T' | b'B' => self.bytes_of::<4>()?,
            0x8e | 0x96 => self.bytes_of::<8>()?,
            0x8c => self.text_of::<1>()?,
            b'X' => self.text_of::<4>()?,
            0x8d => self.text_of::<8>()?,
            b']' | b')' | 0x8f => self.push(PickleObject::Sequence(Vec::new()))?,
            b'}' => self.push(PickleObject::Dict(Vec::new()))?,
            b'l' | b't' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(PickleObject::Sequence(items))?;
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let first = self.stack.len().checked_sub(count).ok_or_else(underflow)?;
                let items = self.stack.split_off(first);
                self.push(PickleObject::Sequence(items))?;
            }
            b'd' => {
                let items = self.pop_mark()?;
                self.push(PickleObject::Dict(pairs(&items)))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }
            b'c' | b'i' | 0x93 => self.global(code)?,
            b'R' | 0x81 | 0x92 | b'o' => self.call(code)?,
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                if let PickleObject::Call { state: kept, .. } = &mut self.objects[object] {
                    *kept = Some(state);
                }
            }
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.access_memo(code)?,
            // A persistent id, which only the program that wrote the pickle can resolve.
            b'P' => {
                self.line()?;
                self.push(PickleObject::None)?;
            }
            b'Q' => {
                self.pop()?;
                self.push(PickleObject::None)?;
            }
            0x98 => {}
            _ => return Err(format!("has an unknown instruction {code:#04x}")),
        }
        Ok(true)
    }

    fn push(&mut self, object: PickleObject) -> Result<(), String> {
        if self.objects.len() >= MAX_OBJECTS {
            return Err(format!("holds more than {MAX_OBJECTS} objects"));
        }
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    fn pop(&mut self) -> Result<ObjectId, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            Err(underflow())
        } else {
            self.stack.pop().ok_or_else(underflow)
        }
    }

    fn top(&self) -> Result<ObjectId, String> {
        self.stack.last().copied().ok_or_else(underflow)
    }

    fn pop_mark(&mut self) -> Result<Vec<ObjectId>, String> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        if mark > self.stack.len() { Err(underflow()) } else { Ok(self.stack.split_off(mark)) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| ends(&error))?;
        Ok(bytes)
    }

    /// Reads a length of N bytes.
    fn length<const N: usize>(&mut self) -> Result<u64, String> {
        let bytes: [u8; N] = self.take()?;
        let mut word = [0; 8];
        word[..N].copy_from_slice(&bytes);
        Ok(u64::from_le_bytes(word))
    }

    fn body(&mut self, length: u64) -> Result<Vec<u8>, String> {
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > MAX_BYTES {
            return Err(format!("holds more than {MAX_BYTES} bytes"));
        }
        let mut bytes = Vec::new();
        let reader = &mut self.reader;
        let found = reader.take(length).read_to_end(&mut bytes).map_err(|error| ends(&error))?;
        if (found as u64) < length { Err("ends too early".into()) } else { Ok(bytes) }
    }

    fn bytes_of<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let bytes = self.body(length)?;
        self.push(PickleObject::Bytes(bytes))
    }

    fn text_of<const N: usize>(&mut self) -> Result<(), String> {
        let length = self.length::<N>()?;
        let bytes = self.body(length)?;
        self.push(text(bytes))
    }

    fn line(&mut self) -> Result<Vec<u8>, String> {
        let mut line = Vec::new();
        loop {
            match self.take()? {
                [b'\n'] => return Ok(line),
                [byte] if line.len() < MAX_LINE => line.push(byte),
                _ => return Err("has a line of more than 1 MiB".into()),
            }
        }
    }

    fn number_line(&mut self, code: u8) -> Result<(), String> {
        let line = self.line()?;
        let text = String::from_utf8_lossy(&line);
        let wrong = || format!("has `{text}` for a number");
        let object = match (code, text.as_ref()) {
            (b'I', "00" | "01") => PickleObject::Bool(text == "01"),
            (b'F', _) => PickleObject::Float(text.parse().map_err(|_| wrong())?),
            _ => PickleObject::Int(text.trim_end_matches('L').parse().map_err(|_| wrong())?),
        };
        self.push(object)
    }

    fn extend(&mut self, items: &[ObjectId]) -> Result<(), String> {
        let list = self.top()?;
        match &mut self.objects[list] {
            PickleObject::Sequence(list) => list.extend_from_slice(items),
            // Python would call a method of this object.
            PickleObject::Call { .. } => {}
            _ => return Err("appends to an object that is not a list".into()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[ObjectId]) -> Result<(), String> {
        let dict = self.top()?;
        match &mut self.objects[dict] {
            PickleObject::Dict(dict) => dict.extend(pairs(items)),
            PickleObject::Call { .. } => {}
            _ => return Err("adds items to an object that is not a dictionary".into()),
        }
        Ok(())
    }

    fn global(&mut self, code: u8) -> Result<(), String> {
        if code == 0x93 {
            let (name, module) = (self.pop()?, self.pop()?);
            let word = |object: &PickleObject| match object {
                PickleObject::Text(text) => text.clone(),
                PickleObject::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => String::new(),
            };
            let global = format!("{}.{}", word(&self.objects[module]), word(&self.objects[name]));
            return self.push(PickleObject::Global(global));
        }
        let (module, name) = (self.line()?, self.line()?);
        let global =
            format!("{}.{}", String::from_utf8_lossy(&module), String::from_utf8_lossy(&name));
        if code == b'c' {
            return self.push(PickleObject::Global(global));
        }
        let items = self.pop_mark()?;
        self.push(PickleObject::Global(global))?;
        let function = self.pop()?;
        self.push(PickleObject::Sequence(items))?;
        let arguments = self.pop()?;
        self.push(PickleObject::Call { function, arguments, state: None })
    }

    fn call(&mut self, code: u8) -> Result<(), String> {
        if code == b'o' {
            let mut items = self.pop_mark()?;
            if items.is_empty() {
                return Err(underflow());
            }
            let function = items.remove(0);
            self.push(PickleObject::Sequence(items))?;
            let arguments = self.pop()?;
            return self.push(PickleObject::Call { function, arguments, state: None });
        }
        if code == 0x92 {
            // Keyword arguments are not needed.
            self.pop()?;
        }
        let (arguments, function) = (self.pop()?, self.pop()?);
        self.push(PickleObject::Call { function, arguments, state: None })
    }

    /// Stores the object on top of the stack in the memo, or pushes an object of the memo.
    fn access_memo(&mut self, code: u8) -> Result<(), String> {
        let decimal = |line: Vec<u8>| {
            String::from_utf8_lossy(&line)
                .parse()
                .map_err(|_| "has an invalid memo index".to_owned())
        };
        let place = match code {
            b'p' | b'g' => decimal(self.line()?)?,
            b'q' | b'h' => self.length::<1>()?,
            b'r' | b'j' => self.length::<4>()?,
            _ => self.memo.len() as u64,
        };
        if matches!(code, b'g' | b'h' | b'j') {
            let id = self.memo.get(&place).copied().ok_or("refers to a missing memo entry")?;
            self.stack.push(id);
            return if self.stack.len() > MAX_OBJECTS { Err(underflow()) } else { Ok(()) };
        }
        let top = self.top()?;
        if self.memo.len() >= MAX_OBJECTS {
            return Err(format!("memoizes more than {MAX_OBJECTS} objects"));
        }
        self.memo.insert(place, top);
        Ok(())
    }
}

fn underflow() -> String {
    "is not a complete pickle: its stack is empty".into()
}

fn text(bytes: Vec<u8>) -> PickleObject {
    PickleObject::Text(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn pairs(items: &[ObjectId]) -> Vec<(ObjectId, ObjectId)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

/// A little-endian two's-complement integer of at most 8 bytes.
fn long(bytes: &[u8]) -> Result<i64, String> {
    if bytes.len() > 8 {
        return Err("has a number of more than 64 bits".into());
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut word = if negative { [0xff; 8] } else { [0; 8] };
    word[..bytes.len()].copy_from_slice(bytes);
    Ok(i64::from_le_bytes(word))
}

/// The bytes represented by a quoted text of Python 2.
fn unescape(line: &[u8]) -> Vec<u8> {
    let inner = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        all => all,
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(|digit| {
                    digit.and_then(|digit| char::from(digit).to_digit(16)).unwrap_or(0)
                });
                bytes.push((digits[0] * 16 + digits[1]) as u8);
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
