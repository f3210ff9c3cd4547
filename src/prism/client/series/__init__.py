"""TimeSeries for applications: streams of events, what is asked of them, and tables made of the answers."""
