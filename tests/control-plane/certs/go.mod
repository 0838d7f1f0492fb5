module flashjob.test/certs

go 1.25.0
