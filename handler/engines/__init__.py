"""What runs the network: one module an engine, one interface (`engine`), and the choice between them (`choice`)."""
