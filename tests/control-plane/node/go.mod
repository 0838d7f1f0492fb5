module flashjob.test/node

go 1.26.0
