//! `demo`.
/// Runs it.
pub async fn run(_keep: bool) -> Result<(), std::io::Error> {
    Ok(())
}
