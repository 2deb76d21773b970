//! Reproducible choices (splitmix64).

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of this run: the environment variable, else the given one.
    ///
    /// # Panics
    /// When the variable is no number.
    #[must_use]
    pub fn seed_from(variable: &str, or: u64) -> u64 {
        std::env::var(variable).map_or(or, |text| text.parse().expect("a seed is a number"))
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }
}
