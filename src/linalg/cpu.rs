//! Selects the instruction set of the kernels: the fastest one that the processor supports, or the
//! one named by `NNTOP_CPU`.

use super::simd::Portable;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use std::env;
use std::sync::OnceLock;

/// The environment variable that forces an instruction set, for tests and comparisons.
const CPU_VARIABLE: &str = "NNTOP_CPU";

/// An instruction set, with the token that proves it is available.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cpu {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// Why the instruction set named by `NNTOP_CPU` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuError {
    #[error("{CPU_VARIABLE}={0:?} is not an instruction set; use portable, avx2 or avx512")]
    Unknown(String),
    #[error("{CPU_VARIABLE}={0}: this processor supports only {1}; unset {CPU_VARIABLE}")]
    Unavailable(&'static str, String),
}

/// The values of `NNTOP_CPU`.
const NAMES: [&str; 3] = ["portable", "avx2", "avx512"];

impl Cpu {
    /// The value of `NNTOP_CPU` that selects it.
    fn name(self) -> &'static str {
        match self {
            Self::Portable(_) => NAMES[0],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => NAMES[1],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => NAMES[2],
        }
    }

    /// The instruction sets that this processor supports, slowest first.
    fn available() -> impl Iterator<Item = Self> {
        let portable = [Some(Self::Portable(Portable))];
        #[cfg(target_arch = "x86_64")]
        let vectors = [Avx2::detect().map(Self::Avx2), Avx512::detect().map(Self::Avx512)];
        #[cfg(not(target_arch = "x86_64"))]
        let vectors = [];
        portable.into_iter().chain(vectors).flatten()
    }

    /// The instruction set of that name, or the fastest one.
    fn choose(wanted: Option<&str>) -> Result<Self, CpuError> {
        let Some(wanted) = wanted else {
            return Ok(Self::available().last().unwrap_or(Self::Portable(Portable)));
        };
        let known = NAMES.into_iter().find(|name| *name == wanted);
        let name = known.ok_or_else(|| CpuError::Unknown(wanted.into()))?;
        let found = Self::available().find(|cpu| cpu.name() == name);
        found.ok_or_else(|| CpuError::Unavailable(name, cpu_paths().join(", ")))
    }
}

/// The instruction set that kernels use. `NNTOP_CPU` is read once.
///
/// # Panics
/// If `NNTOP_CPU` is invalid; programs check that with [`cpu_path`] when they start.
#[inline]
pub(super) fn selected() -> Cpu {
    static SELECTED: OnceLock<Cpu> = OnceLock::new();
    match SELECTED.get() {
        Some(cpu) => *cpu,
        None => *SELECTED.get_or_init(|| chosen().unwrap_or_else(|error| panic!("{error}"))),
    }
}

#[cold]
fn chosen() -> Result<Cpu, CpuError> {
    let wanted = env::var_os(CPU_VARIABLE).map(|value| value.to_string_lossy().into_owned());
    Cpu::choose(wanted.as_deref())
}

/// The name of the instruction set that kernels use: `portable`, `avx2` or `avx512`.
///
/// # Errors
/// If `NNTOP_CPU` has another value, or names an instruction set that this processor lacks.
pub fn cpu_path() -> Result<&'static str, CpuError> {
    chosen().map(Cpu::name)
}

/// The names of all instruction sets that this processor supports, slowest first.
#[must_use]
pub fn cpu_paths() -> Vec<&'static str> {
    Cpu::available().map(Cpu::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_set_is_chosen_by_name_and_the_fastest_by_default() {
        let paths = cpu_paths();
        assert_eq!(paths[0], "portable");
        for &name in &paths {
            assert_eq!(Cpu::choose(Some(name)).unwrap().name(), name);
        }
        assert_eq!(Some(&Cpu::choose(None).unwrap().name()), paths.last());
    }

    #[test]
    fn unknown_and_unsupported_names_are_errors_that_list_the_alternatives() {
        for wrong in ["", "AVX2", "sse9"] {
            let error = Cpu::choose(Some(wrong)).unwrap_err();
            assert_eq!(error, CpuError::Unknown(wrong.into()));
            assert!(error.to_string().contains("use portable, avx2 or avx512"), "{error}");
        }
        for lacking in NAMES.iter().filter(|name| !cpu_paths().contains(name)) {
            let error = Cpu::choose(Some(lacking)).unwrap_err().to_string();
            assert!(error.contains("supports only portable"), "{error}");
        }
    }

    #[test]
    fn the_environment_variable_selects_the_instruction_set() {
        let named = env::var(CPU_VARIABLE).ok();
        assert_eq!(cpu_path().unwrap(), named.as_deref().unwrap_or(cpu_paths().last().unwrap()));
    }
}
