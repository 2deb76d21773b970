//! What a program that runs its core as a component is told of it. One command line serves both programs, so that a
//! runner need not know which one it starts; the native one refuses what it has no use for.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::{Layers, given};
use super::source::Given;
use super::{ConfigError, units};

/// Shorter ones would be measured by the machine's other work.
const STEP_TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
/// A component cannot address more.
const MEMORY: RangeInclusive<usize> = 1 << 20..=4 << 30;
const TABLE_ELEMENTS: RangeInclusive<usize> = 1..=10_000_000;
const INSTANCES: RangeInclusive<usize> = 1..=1000;

/// The component and its limits; what is not given is the program's to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentSettings {
    /// Another build of the core.
    pub file: Option<PathBuf>,
    /// The longest that a step may take.
    pub step_time: Option<Duration>,
    /// The most memory, in bytes.
    pub memory: Option<usize>,
    /// The most elements of a table.
    pub table_elements: Option<usize>,
    /// The most instances of modules.
    pub instances: Option<usize>,
    /// The first of these that is given, and where, as in `--component`.
    given: Option<String>,
}

impl ComponentSettings {
    /// Nothing of this is for a program that has its core built in.
    ///
    /// # Errors
    /// Something of it is given.
    pub fn refuse(&self) -> Result<(), String> {
        match &self.given {
            Some(given) => {
                Err(format!("{given} is for relay-mcp-proxy-wasm: this program has the core built in"))
            }
            None => Ok(()),
        }
    }
}

pub(super) fn component(layers: &Layers<'_>) -> Result<ComponentSettings, ConfigError> {
    let file = given!(layers.path, "component", component)?;
    let step_time = given!(layers.text, "component-step-time", component_step_time)?;
    let memory = given!(layers.text, "component-memory", component_memory)?;
    let table_elements = given!(layers.text, "component-table-elements", component_table_elements)?;
    let instances = given!(layers.text, "component-instances", component_instances)?;
    let limits = [&step_time, &memory, &table_elements, &instances];
    let named = file.as_ref().map(name).or_else(|| limits.into_iter().flatten().map(name).next());
    Ok(ComponentSettings {
        file: file.map(|given| given.value),
        step_time: read(step_time, |text| units::duration(text, STEP_TIME))?,
        memory: read(memory, |text| units::bytes(text, MEMORY))?,
        table_elements: read(table_elements, |text| units::count(text, TABLE_ELEMENTS))?,
        instances: read(instances, |text| units::count(text, INSTANCES))?,
        given: named,
    })
}

fn name<Value>(given: &Given<Value>) -> String {
    given.from.of(given.key)
}

fn read<Meaning>(
    given: Option<Given<String>>,
    meaning: impl FnOnce(&str) -> Result<Meaning, String>,
) -> Result<Option<Meaning>, ConfigError> {
    given.map(|given| given.read(|text| meaning(text))).transpose()
}
