"""From a Config and an EpisodeSource to a run folder."""
