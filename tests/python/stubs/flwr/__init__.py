"""As much of Flower's interface as the adapters touch, in our own words: for tests where Flower is not."""
