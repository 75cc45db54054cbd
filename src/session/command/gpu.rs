//! The machine's GPUs through NVIDIA's management library, loaded at run time if present.

use crate::protocol::GpuUse;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;

/// The GPUs that can be queried.
#[derive(Debug)]
pub(super) struct Gpus(Option<Nvml>);

impl Gpus {
    /// Loads the library. Without the library or a driver there are no GPUs.
    pub(super) fn find() -> Self {
        Self(Nvml::init().ok())
    }

    /// No GPUs.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Current usage of each GPU; a GPU that fails to answer is omitted.
    pub(super) fn read(&self) -> Vec<GpuUse> {
        let Some(nvml) = &self.0 else { return Vec::new() };
        let count = nvml.device_count().unwrap_or_default();
        (0..count).filter_map(|index| one(nvml, index).ok()).collect()
    }
}

fn one(nvml: &Nvml, index: u32) -> Result<GpuUse, NvmlError> {
    let device = nvml.device_by_index(index)?;
    let memory = device.memory_info()?;
    Ok(GpuUse {
        name: device.name()?,
        load: f64::from(device.utilization_rates()?.gpu) / 100.0,
        memory: memory.used,
        memory_total: memory.total,
        // Some cards report neither.
        temperature: device.temperature(TemperatureSensor::Gpu).unwrap_or_default(),
        power: f64::from(device.power_usage().unwrap_or_default()) / 1000.0,
    })
}
