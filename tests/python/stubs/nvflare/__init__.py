"""As much of NVFlare's interface as the adapter touches, in our own words: for tests where NVFlare is not."""
